// What suites of QXmpp share: conditions with deadlines, and scenarios that are run in order on one stage. Each prints one
// line that Interop/run reads.

#pragma once

#include <QCoreApplication>
#include <QEventLoop>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTextStream>
#include <QTimer>
#include <QXmppClient.h>
#include <QXmppConfiguration.h>
#include <QXmppRosterManager.h>

#include <cstdlib>
#include <functional>
#include <initializer_list>

constexpr int waitMilliseconds = 10'000;

struct Unexpected {
    QString complaint;
};

inline void require(bool condition, const QString &complaint)
{
    if (!condition)
        throw Unexpected { complaint };
}

inline void requireEqual(const QString &found, const QString &wanted, const QString &what)
{
    require(found == wanted, what + ": wanted '" + wanted + "', found '" + found + "'");
}

// Handles events until the condition holds; it is looked at after every event.
inline void expect(const QString &what, const std::function<bool()> &condition)
{
    bool late = false;
    QTimer limit;
    limit.setSingleShot(true);
    QObject::connect(&limit, &QTimer::timeout, [&late] { late = true; });
    limit.start(waitMilliseconds);
    while (!condition()) {
        require(!late, what + " did not come in 10 s");
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
}

template<typename Stage>
struct Scenario {
    const char *name;
    void (*run)(Stage &);
};

// Returns what the program ends with.
template<typename Stage>
int run(Stage &stage, std::initializer_list<Scenario<Stage>> scenarios)
{
    QTextStream out(stdout);
    int failed = 0;
    for (const auto &scenario : scenarios) {
        try {
            scenario.run(stage);
            out << "ok " << scenario.name << Qt::endl;
        } catch (const Unexpected &unexpected) {
            ++failed;
            out << "not ok " << scenario.name << ": " << unexpected.complaint << Qt::endl;
        }
    }
    return failed ? 1 : 0;
}

// Signs in as one of the service's people; returns when the roster is there.
inline void signIn(QXmppClient &client, const QJsonObject &service, const QString &name)
{
    const auto account = service["accounts"].toObject()[name].toObject();
    const auto address = service["address"].toArray();
    QXmppConfiguration configuration;
    configuration.setJid(account["jid"].toString());
    configuration.setPassword(account["password"].toString());
    configuration.setHost(address[0].toString());
    configuration.setPort(address[1].toInt());
    configuration.setStreamSecurityMode(QXmppConfiguration::TLSRequired);
    configuration.setIgnoreSslErrors(true);
    configuration.setAutoReconnectionEnabled(false);
    client.connectToServer(configuration);
    expect("session of " + name, [&] {
        return client.isConnected() && client.findExtension<QXmppRosterManager>()->isRosterReceived();
    });
}

// What the JSON file says of the service.
inline QJsonObject description(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        QTextStream(stdout) << "not ok start: cannot read the description of the service\n";
        std::exit(2);
    }
    return QJsonDocument::fromJson(file.readAll()).object();
}
