#!/usr/bin/env ruby
# SPDX-License-Identifier: Apache-2.0

# A peer on ruby-msgpack, with the manners of the MessagePack-RPC gem: it closes the connection on
# SESSION and OPTION, and its errors of arity are binary.
#
#   ruby.rb server          prints `listening URL`
#   ruby.rb client URL      prints `ok NAME` or `FAIL NAME why`
require 'msgpack'
require 'socket'
require 'timeout'

REQUEST, RESPONSE, NOTIFY = 0, 1, 2
RemoteError = Struct.new(:value)

# A connection, from either end.
class Connection
  def initialize(socket)
    @socket = socket
    @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
    @lock = Mutex.new
    @factory = MessagePack::Factory.new
  end

  def send(message)
    @lock.synchronize { @socket.write(@factory.dump(message)) }
  end

  def answer(message)
    send(message)
  rescue IOError, SystemCallError
    nil # the caller is gone
  end

  def each(&block)
    @factory.unpacker(@socket, allow_unknown_ext: true).each(&block)
  end

  def close
    @socket.close
  end
end

# The methods of the conformance tests.
class Methods
  def initialize
    @count = 0
    @methods = {
      'echo' => ->(x) { x },
      7 => ->(x) { x },
      'add' => ->(a, b) { a + b },
      'fail' => ->(text) { raise text },
      'sleep' => ->(ms) { sleep(ms / 1000.0) && ms },
      'poke' => ->(*) { @count += 1 },
      'notify_count' => -> { @count }
    }
  end

  # Error and result.
  def call(name, arguments)
    method = @methods[name] || @methods[name.is_a?(String) ? name.dup.force_encoding('UTF-8') : name]
    return ["method `#{name}' is not accepted", nil] unless method

    [nil, method.call(*arguments)]
  rescue ArgumentError => e
    [e.message.b, nil]
  rescue StandardError => e
    [e.message, nil]
  end
end

# Serves one connection until it ends.
def attend(connection, methods)
  connection.each do |message|
    raise 'not a message' unless message.is_a?(Array) && message.size >= 3

    case message.first
    when REQUEST
      _, id, name, arguments = message
      slow = name == 'sleep'
      answer = -> { connection.answer([RESPONSE, id, *methods.call(name, arguments)]) }
      slow ? Thread.new(&answer) : answer.call
    when NOTIFY then methods.call(message[1], message[2])
    else raise 'unknown message type' unless message.first == RESPONSE
    end
  end
rescue StandardError
  nil # its own connection only
ensure
  connection.close
end

def serve
  methods = Methods.new
  listener = TCPServer.new('127.0.0.1', 0)
  puts "listening tcp://127.0.0.1:#{listener.addr[1]}"
  $stdout.flush
  loop do
    socket = listener.accept
    Thread.new { attend(Connection.new(socket), methods) }
  end
end

# Calls, and what came of them.
class Client
  def initialize(url)
    host, port = url.match(%r{//\[?(.*?)\]?:(\d+)}).captures
    @connection = Connection.new(TCPSocket.new(host, port.to_i))
    @answers = {}
    @strays = []
    Thread.new { @connection.each { |message| take(message) } }
  end

  attr_reader :strays

  def start(method, *arguments)
    # Before it is sent: a queue that both threads look up and make is sometimes two.
    @answers[id = @answers.size] = Queue.new
    @connection.send([REQUEST, id, method, arguments])
    id
  end

  def finish(id)
    error, result = Timeout.timeout(20) { @answers[id].pop }
    error.nil? ? result : RemoteError.new(error)
  end

  def call(*all)
    finish(start(*all))
  end

  def notify(method, *arguments)
    @connection.send([NOTIFY, method, arguments])
  end

  def finished?(id)
    !@answers[id].empty?
  end

  private

  def take(message)
    type, id, error, result = message
    expected = type == RESPONSE && @answers.key?(id)
    expected ? @answers[id] << [error, result] : @strays << message
  end
end

VALUES = [nil, true, false, 0, -1, 255, 256, 2**32, -2**63, 2**64 - 1, 1.5, -1e300, '', 'ü' * 100,
          'a' * 65_536, "\xff\x00".b * 40, [], [1, [2, []]], {}, { 'a' => 1, 2 => 'b', nil => [3] },
          { [1] => { 'deep' => nil } }, MessagePack::ExtensionValue.new(5, 'ext')].freeze

CHECKS = {
  'echo' => lambda { |c|
    VALUES.each do |value|
      got = c.call('echo', value)
      kept = got == value && (!value.is_a?(String) || got.encoding == value.encoding)
      raise "#{value.inspect[0, 60]} came back as #{got.inspect[0, 60]}" unless kept
    end
  },
  'add' => lambda { |c|
    ids = (0...100).map { |i| c.start('add', i, 1000) }
    raise 'wrong sums' unless ids.map { |id| c.finish(id) } == (1000...1100).to_a
  },
  'integer-method' => ->(c) { raise 'no 7' unless c.call(7, 'hello') == 'hello' },
  'binary-name' => ->(c) { raise 'not 3' unless c.call('add'.b, 1, 2) == 3 },
  'out-of-order' => lambda { |c|
    slow = c.start('sleep', 300)
    raise 'not 3' unless c.call('add', 1, 2) == 3
    raise 'sleep(300) was answered first' if c.finished?(slow)
    raise 'not 300' unless c.finish(slow) == 300
  },
  'errors' => lambda { |c|
    raise 'fail' unless c.call('fail', 'größer') == RemoteError.new('größer')
    raise 'nope' unless c.call('nope') == RemoteError.new("method `nope' is not accepted")

    [[], [1], [1, 2, 3], [{}, 1]].each do |arguments|
      error = c.call('add', *arguments)
      raise error.inspect unless error.is_a?(RemoteError) && error.value.include?('add')
    end
    raise 'not 3' unless c.call('add', 1, 2) == 3
  },
  'notifications' => lambda { |c|
    before = c.call('notify_count')
    c.notify('poke')
    c.notify('poke', 1, [nil])
    c.notify('nope')
    c.notify('add')
    raise 'wrong count' unless c.call('notify_count') == before + 2
  }
}.freeze

def check(url)
  CHECKS.map do |name, body|
    client = Client.new(url)
    body.call(client)
    raise "not asked for: #{client.strays.inspect}" unless client.strays.empty?

    puts "ok #{name}"
    true
  rescue StandardError => e
    puts "FAIL #{name} #{e.message}"
    false
  end.all?
end

case ARGV
in ['server'] then serve
in ['client', url] then exit(check(url))
else abort('usage: ruby.rb server | ruby.rb client URL')
end
