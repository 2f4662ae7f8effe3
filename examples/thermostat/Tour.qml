// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtQuick

// Uses everything once, saves a picture of it, and exits: 0 if each step has led to what it should.
QtObject {
    id: tour

    required property Item page
    required property Device device
    required property RemotePane remote
    required property string file

    property int step: -1
    property bool painted: false
    readonly property var steps: [
        {
            name: "connect",
            begin: () => {
                device.pace = 40
                remote.readings.pause = 10
            },
            isReached: () => remote.client.connected && remote.status.result !== undefined
        }, {
            name: "stop the server",
            begin: () => device.serving = false,
            isReached: () => !remote.client.connected && Boolean(remote.client.error)
        }, {
            name: "start it again",
            begin: () => device.serving = true,
            isReached: () => remote.client.connected && !remote.client.error
        }, {
            name: "set the target",
            begin: () => remote.setTarget(22.5),
            isReached: () => remote.status.result.target === 22.5 && remote.status.result.temperature > 22
        }, {
            name: "cool down",
            begin: () => remote.setTarget(16),
            isReached: () => remote.status.result.target === 16 && remote.status.result.temperature < 18.5
        }, {
            name: "warm up again",
            begin: () => remote.setTarget(22.5),
            isReached: () => remote.status.result.target === 22.5 && remote.status.result.temperature > 22
        }, {
            name: "measure",
            begin: () => {},
            isReached: () => remote.readings.values.length === remote.readings.most
        }, {
            name: "be refused",
            begin: () => remote.setTarget(99),
            isReached: () => remote.problem.includes("99")
        }, {
            name: "follow the device",
            begin: () => device.openWindow(),
            isReached: () => remote.status.result.temperature === device.temperature
                             && device.temperature > 20.5 && device.temperature < 22
        }, {
            name: "draw",
            begin: () => {
                device.running = false
                remote.readings.active = false
                remote.plot.requestPaint()
            },
            isReached: () => painted && remote.status.result.temperature === device.temperature
        }
    ]
    readonly property bool isReached: step >= 0 && step < steps.length && steps[step].isReached()

    onIsReachedChanged: {
        if (isReached)
            later.start()
    }
    Component.onCompleted: {
        if (file === "")
            return
        if (device.problem !== "") {
            console.error("the device cannot listen:", device.problem)
            return Qt.exit(1)
        }
        next()
    }

    function next() {
        if (++step === steps.length)
            return save()
        steps[step].begin()
        later.start() // it may be reached at once
    }

    function save() {
        const isBegun = page.grabToImage(picture => Qt.exit(picture.saveToFile(file) ? 0 : 1))
        if (!isBegun)
            Qt.exit(1)
    }

    property Timer later: Timer {
        id: later

        interval: 0
        onTriggered: {
            if (tour.isReached)
                tour.next()
        }
    }
    property Connections painting: Connections {
        target: tour.remote.plot

        function onPainted() { tour.painted = !tour.device.running }
    }
    property Timer limit: Timer {
        interval: 30000
        running: tour.file !== ""
        onTriggered: {
            console.error("not reached:", tour.steps[Math.min(tour.step, tour.steps.length - 1)].name)
            Qt.exit(1)
        }
    }
}
