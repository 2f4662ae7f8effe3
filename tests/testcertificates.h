// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslKey>

/// \file
/// Certificates for tests, made when they are needed by the `openssl` command: nothing is kept, and nothing expires.

/// Somebody's certificate with its key.
struct TestIdentity
{
    QSslCertificate certificate;
    QSslKey key;

    /// The settings of who is this and trusts \a authority.
    QSslConfiguration trusting(const QSslCertificate &authority) const
    {
        QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
        configuration.setCaCertificates(authority.isNull() ? QList<QSslCertificate>()
                                                           : QList<QSslCertificate>{authority});
        if (!certificate.isNull()) {
            configuration.setLocalCertificate(certificate);
            configuration.setPrivateKey(key);
        }
        return configuration;
    }
};

/// Signs certificates; trusted by those who are told of it.
class TestAuthority
{
public:
    explicit TestAuthority(const QString &name = "Test authority")
        : m_identity(make(name, {}, 3650))
    {
    }

    QSslCertificate certificate() const { return m_identity.certificate; }
    /// A certificate for \a name with these alternative names, as in "IP:127.0.0.1,DNS:localhost", that is valid from now
    /// for so many \a days: -1 for one that has expired.
    TestIdentity sign(const QString &name, const QString &alternativeNames, int days = 3650) const
    {
        return make(name, alternativeNames, days, this);
    }
    /// The same by nobody but itself.
    static TestIdentity selfSigned(const QString &name, const QString &alternativeNames)
    {
        return make(name, alternativeNames, 3650);
    }

private:
    static void run(const QStringList &arguments)
    {
        QProcess process;
        process.start("openssl", arguments);
        if (!process.waitForFinished() || process.exitCode() != 0)
            qFatal("openssl %s: %s", qPrintable(arguments.join(' ')),
                   process.readAllStandardError().constData());
    }
    static QByteArray contents(const QString &path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    static void write(const QString &path, const QByteArray &contents)
    {
        QFile file(path);
        if (!file.open(QIODevice::WriteOnly) || file.write(contents) != contents.size())
            qFatal("cannot write %s", qPrintable(path));
    }
    static TestIdentity make(const QString &name, const QString &alternativeNames, int days,
                             const TestAuthority *authority = nullptr)
    {
        const QTemporaryDir scratch;
        const auto file = [&scratch](const char *of) { return scratch.filePath(of); };
        run({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", file("key"), "-out", file("request"), "-subj", "/CN=" + name});
        write(file("extensions"), alternativeNames.isEmpty()
                                          ? QByteArray("basicConstraints=critical,CA:TRUE\n")
                                          : "basicConstraints=critical,CA:FALSE\nsubjectAltName="
                                                    + alternativeNames.toLatin1() + '\n');
        QStringList arguments{"x509",     "-req",
                              "-in",      file("request"),
                              "-out",     file("certificate"),
                              "-extfile", file("extensions"),
                              "-days",    QString::number(days)};
        if (authority != nullptr) {
            write(file("authority"), authority->m_identity.certificate.toPem());
            write(file("authoritykey"), authority->m_identity.key.toPem());
            arguments += {"-CA", file("authority"), "-CAkey", file("authoritykey")};
        } else {
            arguments += {"-signkey", file("key")};
        }
        run(arguments);
        return {QSslCertificate(contents(file("certificate"))),
                QSslKey(contents(file("key")), QSsl::Ec)};
    }

    TestIdentity m_identity;
};
