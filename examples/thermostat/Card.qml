// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Layouts

// One side of the connection: a title, the type that does the work, and what is below.
Rectangle {
    id: card

    required property string title
    required property string type
    property bool dark: false
    default property alias content: body.data
    property alias corner: corner.data

    color: dark ? Theme.nightCard : Theme.card
    radius: Theme.radius
    border.color: dark ? Theme.nightCard : Theme.line

    ColumnLayout {
        id: body

        anchors.fill: parent
        anchors.margins: Theme.margin
        spacing: Theme.gap

        RowLayout {
            spacing: 10

            Text {
                text: card.title
                color: card.dark ? Theme.nightInk : Theme.ink
                font { pixelSize: Theme.title; bold: true }
            }
            Text {
                Layout.fillWidth: true
                Layout.alignment: Qt.AlignBaseline
                text: card.type
                color: card.dark ? Theme.nightSoft : Theme.soft
                font { pixelSize: Theme.small; family: Theme.monospace }
            }
            Row { id: corner }
        }
    }
}
