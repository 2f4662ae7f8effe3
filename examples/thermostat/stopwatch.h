// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QElapsedTimer>
#include <QtCore/QObject>
#include <QtQml/qqml.h>

/// Milliseconds with their fractions: JavaScript's Date has none.
class Stopwatch : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    QML_SINGLETON

public:
    explicit Stopwatch(QObject *parent = nullptr) : QObject(parent) { m_timer.start(); }

    /// Since the program began.
    Q_INVOKABLE double now() const { return double(m_timer.nsecsElapsed()) / 1e6; }

private:
    QElapsedTimer m_timer;
};
