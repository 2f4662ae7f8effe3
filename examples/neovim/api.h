// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QList>
#include <QtCore/QObject>
#include <QtCore/QString>

// The parts of Neovim's description of its API that are of interest here. A map is read into a
// gadget by the names of its properties; what has no property is passed over.

struct ApiVersion
{
    Q_GADGET
    Q_PROPERTY(int major MEMBER majorNumber)
    Q_PROPERTY(int minor MEMBER minorNumber)
    Q_PROPERTY(int patch MEMBER patchNumber)
    Q_PROPERTY(int api_level MEMBER level)

public:
    int majorNumber = 0;
    int minorNumber = 0;
    int patchNumber = 0;
    int level = 0;
    bool operator==(const ApiVersion &) const = default;
};

struct ApiFunction
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(QList<QStringList> parameters MEMBER parameters)
    Q_PROPERTY(QString return_type MEMBER returnType)

public:
    QString name;
    QList<QStringList> parameters; // of type and name
    QString returnType;
    bool operator==(const ApiFunction &) const = default;
};

struct Api
{
    Q_GADGET
    Q_PROPERTY(ApiVersion version MEMBER version)
    Q_PROPERTY(QList<ApiFunction> functions MEMBER functions)

public:
    ApiVersion version;
    QList<ApiFunction> functions;
};
