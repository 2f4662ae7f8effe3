// SPDX-License-Identifier: Apache-2.0
pragma Singleton
import QtQuick

// The colours and sizes of the window.
QtObject {
    readonly property color ground: "#e9edf1"
    readonly property color card: "#ffffff"
    readonly property color ink: "#18232e"
    readonly property color soft: "#5b6876"
    readonly property color line: "#dce2e8"
    readonly property color well: "#f3f5f8"

    readonly property color nightCard: "#18232e"
    readonly property color nightInk: "#f1f5f8"
    readonly property color nightSoft: "#9fb0c0"
    readonly property color nightLine: "#2e3d4b"
    readonly property color nightWell: "#111a23"

    readonly property color warm: "#ee7d3a"
    readonly property color warmText: "#b3511a"
    readonly property color cool: "#5aa9e6"
    readonly property color action: "#1f6fb2"
    readonly property color good: "#1f8a5b"
    readonly property color busy: "#b7791f"
    readonly property color bad: "#b9382f"
    readonly property color badGround: "#fbeae8"

    readonly property int margin: 24
    readonly property int gap: 14
    readonly property int radius: 14
    readonly property int small: 12
    readonly property int normal: 14
    readonly property int title: 19
    readonly property string monospace: "monospace"
}
