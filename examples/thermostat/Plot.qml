// SPDX-License-Identifier: Apache-2.0
import QtQuick

// Numbers as they came, the newest at the right.
Canvas {
    id: plot

    required property var values
    required property int most
    required property string unit
    property color tone: Theme.action
    property bool fromZero: false
    readonly property real smallest: fromZero || !values.length ? 0 : Math.min(...values)
    readonly property real largest: values.length ? Math.max(...values) : 0
    // Two intervals of a round number hold everything.
    readonly property real interval: {
        for (const step of [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]) {
            if (Math.floor(smallest / step) * step + 2 * step >= largest)
                return step
        }
        return 1000
    }
    readonly property real base: Math.floor(smallest / interval) * interval

    onValuesChanged: requestPaint()
    onWidthChanged: requestPaint()
    onHeightChanged: requestPaint()

    onPaint: {
        const context = getContext("2d")
        const left = 62
        const bottom = height - 9
        const place = value => bottom - (bottom - 9) * (value - base) / (2 * interval)
        context.reset()
        context.font = `${Theme.small}px sans-serif`
        context.textAlign = "right"
        context.textBaseline = "middle"
        for (let i = 0; i <= 2; ++i) {
            const value = base + i * interval
            const y = Math.round(place(value))
            context.fillStyle = Theme.soft
            context.fillText(value.toFixed(interval < 1 ? 1 : 0) + unit, left - 12, y)
            context.fillStyle = Theme.line
            context.fillRect(left, y, width - left, 1)
        }
        if (values.length < 2)
            return
        const step = (width - left) / (most - 1)
        const start = width - step * (values.length - 1)
        context.beginPath()
        values.forEach((value, i) => context.lineTo(start + i * step, place(value)))
        context.strokeStyle = tone
        context.lineWidth = 1.5
        context.lineJoin = "round"
        context.stroke()
        context.lineTo(width, bottom)
        context.lineTo(start, bottom)
        context.closePath()
        context.fillStyle = Qt.alpha(tone, 0.1)
        context.fill()
    }
}
