// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Layouts

// What the device shows of itself.
Card {
    id: pane

    required property Device device

    title: qsTr("Device")
    type: "RpcServer"
    dark: true
    corner: Toggle {
        text: checked ? qsTr("serving") : qsTr("stopped")
        checked: pane.device.serving
        onToggled: pane.device.serving = checked
    }

    Text {
        Layout.fillWidth: true
        text: pane.device.problem !== "" ? pane.device.problem
            : !pane.device.listening ? qsTr("nobody can connect")
            : pane.device.connections === 1 ? qsTr("%1 · 1 client").arg(pane.device.url)
            : qsTr("%1 · %2 clients").arg(pane.device.url).arg(pane.device.connections)
        color: pane.device.problem !== "" ? Theme.warm : Theme.nightSoft
        wrapMode: Text.Wrap
        font { pixelSize: Theme.small; family: Theme.monospace }
    }
    Dial {
        Layout.fillWidth: true
        Layout.fillHeight: true
        Layout.minimumHeight: 220
        value: pane.device.temperature
        mark: pane.device.target
        active: pane.device.heating
    }
    PushButton {
        Layout.alignment: Qt.AlignHCenter
        dark: true
        text: qsTr("Open a window")
        onClicked: pane.device.openWindow()
    }
    Rectangle {
        Layout.fillWidth: true
        Layout.preferredHeight: 140
        radius: 9
        color: Theme.nightWell

        ListView {
            id: calls

            anchors.fill: parent
            anchors.margins: 14
            clip: true
            interactive: false
            spacing: 5
            model: ListModel { id: log }
            delegate: Text {
                id: line

                required property string what

                width: ListView.view.width
                text: line.what
                elide: Text.ElideRight
                color: Theme.nightSoft
                font { pixelSize: Theme.small; family: Theme.monospace }
            }
        }
        Text {
            anchors.centerIn: parent
            visible: log.count === 0
            text: qsTr("what happens appears here")
            color: Theme.nightSoft
            font.pixelSize: Theme.small
        }
    }
    Connections {
        target: pane.device

        function onTold(what) {
            log.insert(0, { what })
            if (log.count > 6)
                log.remove(6)
        }
    }
}
