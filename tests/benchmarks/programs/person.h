// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMetaType>
#include <QtCore/QString>

namespace Benchmark {

/// A value with named fields.
struct Person
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(int age MEMBER age)
    Q_PROPERTY(bool active MEMBER active)

public:
    QString name;
    int age = 0;
    bool active = false;
};

} // namespace Benchmark

Q_DECLARE_METATYPE(Benchmark::Person)
