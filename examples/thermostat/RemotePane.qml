// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Layouts
import MsgpackRpc

// A remote control: it knows the device by its URL only.
Card {
    id: pane

    required property url url
    readonly property alias client: client
    readonly property alias status: status
    readonly property alias readings: readings
    readonly property alias plot: plot
    readonly property int most: 80
    property var temperatures: []
    property string problem

    title: qsTr("Remote control")
    type: "RpcClient"
    corner: StatePill {
        text: client.connected ? qsTr("connected") : client.state === RpcClient.Connecting ? qsTr("connecting …")
                                                                                           : qsTr("not connected")
        tone: client.connected ? Theme.good : Theme.busy
    }

    function setTarget(celsius: real) {
        client.remote.setTarget(celsius).then(() => problem = "", error => problem = error.message)
    }

    RpcClient {
        id: client

        url: pane.url
        timeout: 3000
    }
    // Asked for once there is a connection, and again whenever the device says that something has changed.
    RpcCall {
        id: status

        client: client
        method: "status"
        live: true
        refreshOn: ["changed"]
        onFinished: result => pane.temperatures = pane.temperatures.concat(result.temperature).slice(-pane.most)
    }
    Readings {
        id: readings

        client: client
    }

    RowLayout {
        Layout.fillWidth: true
        spacing: Theme.gap

        Text {
            text: status.result ? status.result.temperature.toFixed(1) + "°" : "–"
            color: client.connected ? Theme.ink : Theme.soft
            font.pixelSize: 62
        }
        ColumnLayout {
            Layout.fillWidth: true
            spacing: 3

            Text {
                text: !status.result ? qsTr("waiting for the device")
                    : status.result.heating ? qsTr("the heating is on") : qsTr("the heating is off")
                color: status.result && status.result.heating ? Theme.warmText : Theme.soft
                font { pixelSize: Theme.normal; bold: true }
            }
            Text {
                text: client.connected ? qsTr("follows the device") : qsTr("as it was last known")
                color: Theme.soft
                font.pixelSize: Theme.small
            }
        }
        Item { Layout.fillWidth: true }
        PushButton {
            text: "−"
            enabled: Boolean(status.result)
            onClicked: pane.setTarget(status.result.target - 0.5)
        }
        Text {
            Layout.preferredWidth: 72
            horizontalAlignment: Text.AlignHCenter
            text: status.result ? status.result.target.toFixed(1) + "°" : "–"
            color: Theme.ink
            font { pixelSize: 24; bold: true }
        }
        PushButton {
            text: "+"
            enabled: Boolean(status.result)
            onClicked: pane.setTarget(status.result.target + 0.5)
        }
    }
    RowLayout {
        Layout.fillWidth: true
        spacing: 10

        PushButton {
            filled: true
            text: qsTr("Comfort 22.5°")
            onClicked: pane.setTarget(22.5)
        }
        PushButton {
            text: qsTr("Night 16°")
            onClicked: pane.setTarget(16)
        }
        PushButton {
            text: qsTr("Ask for 99°")
            onClicked: pane.setTarget(99)
        }
        Item { Layout.fillWidth: true }
    }
    // An error of a call, or why there is no connection.
    Rectangle {
        readonly property string text: pane.problem !== "" ? pane.problem : client.error ? client.error.message : ""

        Layout.fillWidth: true
        Layout.preferredHeight: 44
        radius: 9
        color: text !== "" ? Theme.badGround : Theme.well

        Text {
            anchors.fill: parent
            anchors.leftMargin: 16
            anchors.rightMargin: 16
            verticalAlignment: Text.AlignVCenter
            elide: Text.ElideRight
            text: parent.text !== "" ? parent.text : qsTr("no errors")
            color: parent.text !== "" ? Theme.bad : Theme.soft
            font.pixelSize: Theme.normal
        }
    }
    RowLayout {
        Layout.fillWidth: true
        Layout.topMargin: 4

        Text {
            Layout.fillWidth: true
            text: qsTr("Temperature of the room")
            color: Theme.ink
            font { pixelSize: Theme.normal; bold: true }
        }
        Text {
            text: qsTr("asked for whenever the device says \"changed\"")
            color: Theme.soft
            font.pixelSize: Theme.small
        }
    }
    Plot {
        Layout.fillWidth: true
        Layout.fillHeight: true
        Layout.minimumHeight: 80
        values: pane.temperatures
        most: pane.most
        unit: "°"
        tone: Theme.warm
    }
    RowLayout {
        Layout.fillWidth: true
        Layout.topMargin: 4

        Text {
            Layout.fillWidth: true
            text: qsTr("Time of a call")
            color: Theme.ink
            font { pixelSize: Theme.normal; bold: true }
        }
        Text {
            text: qsTr("%1 calls · median %2 ms · longest %3 ms").arg(readings.count)
                      .arg(readings.median.toFixed(2)).arg(readings.longest.toFixed(2))
            color: Theme.soft
            font.pixelSize: Theme.small
        }
    }
    Plot {
        id: plot

        Layout.fillWidth: true
        Layout.fillHeight: true
        Layout.minimumHeight: 80
        values: readings.values
        most: readings.most
        unit: " ms"
        fromZero: true
    }
}
