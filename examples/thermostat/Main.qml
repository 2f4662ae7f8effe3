// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Layouts
import QtQuick.Window

// Both sides in one window. They share nothing but the URL.
Window {
    id: window

    required property url url
    required property string screenshot

    width: 1120
    height: 680
    minimumWidth: 960
    minimumHeight: 620
    visible: true
    title: qsTr("Thermostat")
    color: Theme.ground

    Device {
        id: device

        url: window.url
    }

    Rectangle {
        id: page

        anchors.fill: parent
        color: Theme.ground

        RowLayout {
            anchors.fill: parent
            anchors.margins: Theme.margin
            spacing: Theme.margin

            DevicePane {
                Layout.fillHeight: true
                Layout.preferredWidth: 380
                device: device
            }
            RemotePane {
                id: remote

                Layout.fillWidth: true
                Layout.fillHeight: true
                url: window.url
            }
        }
    }

    Tour {
        page: page
        device: device
        remote: remote
        file: window.screenshot
    }
}
