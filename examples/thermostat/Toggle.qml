// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls.Basic

// A switch on dark ground.
Switch {
    id: toggle

    spacing: 10
    padding: 0
    font.pixelSize: Theme.small

    indicator: Rectangle {
        x: toggle.width - width
        anchors.verticalCenter: parent.verticalCenter
        implicitWidth: 44
        implicitHeight: 24
        radius: 12
        color: toggle.checked ? Theme.good : Theme.nightLine
        border.color: toggle.visualFocus ? Theme.nightInk : "transparent"

        Behavior on color { ColorAnimation { duration: 120 } }

        Rectangle {
            x: toggle.checked ? parent.width - width - 3 : 3
            y: 3
            width: 18
            height: 18
            radius: 9
            color: Theme.nightInk

            Behavior on x { NumberAnimation { duration: 120 } }
        }
    }
    contentItem: Text {
        rightPadding: toggle.indicator.width + toggle.spacing
        text: toggle.text
        color: Theme.nightSoft
        font: toggle.font
        verticalAlignment: Text.AlignVCenter
    }
}
