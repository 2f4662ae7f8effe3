-- SPDX-License-Identifier: Apache-2.0
--
-- Neovim as a client: nvim --headless --clean -c 'luafile nvim.lua', with the server's URL in
-- PEER_URL. Prints `ok NAME` or `FAIL NAME why`.

local address = vim.env.PEER_URL:match('//(.*)')

local function same(a, b)
    assert(vim.deep_equal(a, b), vim.inspect(a) .. ' is not ' .. vim.inspect(b))
end

local function fails(text, channel, method, ...)
    local ok, message = pcall(vim.rpcrequest, channel, method, ...)
    assert(not ok, method .. ' does not fail')
    assert(tostring(message):find(text, 1, true), tostring(message))
end

local checks = {
    {'echo', function(channel)
        for _, value in ipairs({true, false, 0, -1, 255, 65536, 2 ^ 40, 1.5, '', ('ü'):rep(100),
                                ('a'):rep(65536), '\255\0\254', {1, {2, {}}}, {a = {b = {3}}}}) do
            same(vim.rpcrequest(channel, 'echo', value), value)
        end
        same(vim.rpcrequest(channel, 'echo', vim.NIL), vim.NIL)
    end},
    {'add', function(channel)
        for i = 1, 100 do
            same(vim.rpcrequest(channel, 'add', i, 1000), i + 1000)
        end
    end},
    {'errors', function(channel)
        fails('größer', channel, 'fail', 'größer')
        fails("method `nope' is not accepted", channel, 'nope')
        fails('takes 2 arguments', channel, 'add', 1)
        same(vim.rpcrequest(channel, 'add', 1, 2), 3)
    end},
    {'notifications', function(channel)
        local before = vim.rpcrequest(channel, 'notify_count')
        vim.rpcnotify(channel, 'poke')
        vim.rpcnotify(channel, 'poke', 1, {})
        vim.rpcnotify(channel, 'nope')
        vim.rpcnotify(channel, 'add', 1)
        same(vim.rpcrequest(channel, 'notify_count'), before + 2)
    end},
}

local failed = false
for _, check in ipairs(checks) do
    local channel = vim.fn.sockconnect('tcp', address, {rpc = true})
    local ok, why = pcall(check[2], channel)
    vim.fn.chanclose(channel)
    failed = failed or not ok
    io.stdout:write(ok and 'ok ' or 'FAIL ', check[1], ok and '' or ' ' .. tostring(why), '\n')
end
vim.cmd(failed and 'cquit' or 'qall!')
