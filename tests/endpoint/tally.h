// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/Client>
#include <MsgpackRpc/PendingCall>

#include <QtCore/QHash>
#include <QtCore/QVariant>

#include <algorithm>

/// Counts how each of many calls ends.
struct Tally
{
    int succeeded = 0;
    QHash<int, int> failed; // by code
    QHash<int, int> perCall;

    void watch(QObject *context, int number, const MsgpackRpc::PendingReply<QVariant> &reply)
    {
        reply.then(context, [this, number] {
                 ++succeeded;
                 ++perCall[number];
             }).onError(context, [this, number](const MsgpackRpc::Error &error) {
            ++failed[error.code()];
            ++perCall[number];
        });
    }
    /// Calls numbered from \a first on, to `add` and to `hang`, which never answers, in turn. Returns the next number.
    int watchMany(QObject *context, MsgpackRpc::Client &client, int first, int calls)
    {
        for (int i = 0; i < calls; ++i)
            watch(context, first + i, i % 2 == 0 ? client.call("add", i, 1) : client.call("hang"));
        return first + calls;
    }
    int total() const
    {
        int sum = succeeded;
        for (int count : failed)
            sum += count;
        return sum;
    }
    bool eachOnce(int calls) const
    {
        return perCall.size() == calls
               && std::all_of(perCall.cbegin(), perCall.cend(),
                              [](int count) { return count == 1; });
    }
};
