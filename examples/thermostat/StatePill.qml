// SPDX-License-Identifier: Apache-2.0
import QtQuick

// A word on what is going on, with its colour.
Rectangle {
    id: pill

    required property string text
    required property color tone

    implicitWidth: label.implicitWidth + 36
    implicitHeight: 28
    radius: height / 2
    color: Qt.alpha(tone, 0.13)

    Rectangle {
        x: 12
        anchors.verticalCenter: parent.verticalCenter
        width: 8
        height: 8
        radius: 4
        color: pill.tone
    }
    Text {
        id: label

        x: 26
        anchors.verticalCenter: parent.verticalCenter
        text: pill.text
        color: pill.tone
        font { pixelSize: Theme.small; bold: true }
    }
}
