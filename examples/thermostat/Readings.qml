// SPDX-License-Identifier: Apache-2.0
import QtQml
import MsgpackRpc
import Thermostat

// Asks again and again how long a call takes, one after the other.
QtObject {
    id: readings

    required property RpcClient client
    property bool active: true
    property int pause: 60
    readonly property int most: 120
    /// Milliseconds, the oldest first.
    property var values: []
    property int count: 0
    readonly property real median: sorted.length ? sorted[sorted.length >> 1] : 0
    readonly property real longest: sorted.length ? sorted[sorted.length - 1] : 0
    readonly property var sorted: values.slice().sort((a, b) => a - b)

    function measure() {
        const start = Stopwatch.now()
        client.remote.ping().then(() => {
            values = values.concat(Stopwatch.now() - start).slice(-most)
            ++count
            next.start()
        }, () => next.start())
    }

    property Timer timer: Timer {
        id: next

        interval: readings.pause
        onTriggered: {
            if (readings.active && readings.client.connected)
                readings.measure()
        }
    }
    readonly property bool wanted: active && client.connected
    onWantedChanged: {
        if (wanted)
            next.start()
    }
}
