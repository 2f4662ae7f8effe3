// SPDX-License-Identifier: Apache-2.0
import QtQml
import MsgpackRpc

// The device: a room with a heater, and what others may do with it.
QtObject {
    id: device

    required property url url
    property bool serving: true
    property bool running: true
    property int pace: 200
    property real temperature: 18.5
    property real target: 21
    readonly property bool heating: target > temperature + 0.05
    readonly property alias listening: server.listening
    readonly property alias connections: server.connections
    readonly property string problem: server.error ? server.error.message : ""

    /// Something to tell: who has come, what was called.
    signal told(string what)

    function openWindow() { temperature = Math.max(5, temperature - 3) }

    // Whoever shows the state asks for it again when it has changed.
    onTargetChanged: server.notifyAll("changed")
    onTemperatureChanged: server.notifyAll("changed")

    property RpcServer server: RpcServer {
        id: server

        url: device.url
        active: device.serving
        onClientConnected: device.told("a client has connected")
        onClientDisconnected: device.told("a client has gone")
        target: QtObject {
            function status() {
                return { temperature: device.temperature, target: device.target, heating: device.heating }
            }
            function setTarget(celsius: real) {
                const isPossible = celsius >= 5 && celsius <= 30
                device.told(`setTarget(${celsius})${isPossible ? "" : " refused"}`)
                if (!isPossible)
                    throw new RangeError(`${celsius} °C is outside 5 to 30 °C`)
                device.target = celsius
            }
            function ping() {}
        }
    }

    property Timer physics: Timer {
        interval: device.pace
        repeat: true
        running: device.running
        onTriggered: {
            const missing = device.target - device.temperature
            if (Math.abs(missing) >= 0.05)
                device.temperature += Math.sign(missing) * Math.min(Math.abs(missing), missing > 0 ? 0.2 : 0.1)
        }
    }
}
