// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>
#include <QtTest/QTest>

/// Whether this machine can talk to itself over IPv6; in many containers it cannot.
inline bool hasIPv6()
{
    QTcpServer server;
    return server.listen(QHostAddress(QHostAddress::LocalHostIPv6));
}

/// Skips a test whose \a url leads to an address that this machine does not have.
#define SKIP_WITHOUT_HOST_OF(url) \
    do { \
        if (QUrl(url).host().contains(u':') && !hasIPv6()) \
            QSKIP("there is no IPv6 here"); \
    } while (false)
