// SPDX-License-Identifier: Apache-2.0

// Runs tests in QML: `quicktests -input FILE`.
#include "bench.h"

#include <QtQml/QQmlEngine>
#include <QtQuickTest/quicktest.h>

class Setup : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    void qmlEngineAvailable(QQmlEngine *engine)
    {
        engine->addImportPath(QStringLiteral(QML_IMPORT));
        qmlRegisterType<Bench>("Tests", 1, 0, "Bench");
    }
};

QUICK_TEST_MAIN_WITH_SETUP(msgpackrpc, Setup)

#include "quicktests.moc"
