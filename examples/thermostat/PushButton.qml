// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls.Basic

// A button: filled where it is what one came for, otherwise an outline.
Button {
    id: button

    property bool dark: false
    property bool filled: false
    readonly property color tone: dark ? Theme.nightInk : Theme.action

    implicitHeight: 38
    leftPadding: 16
    rightPadding: 16
    font.pixelSize: Theme.normal
    opacity: enabled ? 1 : 0.45

    contentItem: Text {
        text: button.text
        color: button.filled ? Theme.card : button.tone
        font: button.font
        horizontalAlignment: Text.AlignHCenter
        verticalAlignment: Text.AlignVCenter
    }
    background: Rectangle {
        radius: 9
        color: button.filled ? Qt.darker(Theme.action, button.down ? 1.25 : button.hovered ? 1.1 : 1)
                             : Qt.alpha(button.tone, button.down ? 0.16 : button.hovered ? 0.08 : 0)
        border.color: button.filled ? "transparent" : button.dark ? Theme.nightLine : Theme.line
        border.width: button.visualFocus ? 2 : 1
    }
}
