// SPDX-License-Identifier: Apache-2.0
import QtQuick

// A temperature on an arc, with a mark where it is to go.
Canvas {
    id: dial

    required property real value
    required property real mark
    required property bool active
    property real from: 5
    property real to: 30
    // The arc is open at the bottom: its middle is below that of what it takes up.
    readonly property real radius: Math.min(width / 2 - 16, (height - 32) / 1.71)
    readonly property real middle: height / 2 + radius * 0.145

    onValueChanged: requestPaint()
    onMarkChanged: requestPaint()
    onActiveChanged: requestPaint()

    function angle(value: real): real {
        const share = Math.min(1, Math.max(0, (value - from) / (to - from)))
        return Math.PI * (0.75 + 1.5 * share)
    }

    onPaint: {
        const context = getContext("2d")
        context.reset()
        context.translate(width / 2, middle)
        context.lineCap = "round"

        const arc = (end, color) => {
            context.beginPath()
            context.arc(0, 0, radius, angle(from), angle(end))
            context.lineWidth = 14
            context.strokeStyle = color
            context.stroke()
        }
        arc(to, Theme.nightLine)
        arc(value, active ? Theme.warm : Theme.cool)

        context.rotate(angle(mark))
        context.beginPath()
        context.moveTo(radius - 14, 0)
        context.lineTo(radius + 14, 0)
        context.lineWidth = 4
        context.strokeStyle = Theme.nightInk
        context.stroke()
    }

    Column {
        anchors.horizontalCenter: parent.horizontalCenter
        y: dial.middle - height / 2
        spacing: 2

        Text {
            anchors.horizontalCenter: parent.horizontalCenter
            text: dial.value.toFixed(1) + "°"
            color: Theme.nightInk
            font.pixelSize: 46
        }
        Text {
            anchors.horizontalCenter: parent.horizontalCenter
            text: dial.active ? "heating to " + dial.mark.toFixed(1) + "°" : "idle at " + dial.mark.toFixed(1) + "°"
            color: dial.active ? Theme.warm : Theme.nightSoft
            font.pixelSize: Theme.normal
        }
    }
}
