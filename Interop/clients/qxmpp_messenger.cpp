// The Messenger service as QXmpp sees it: it decodes the token and encodes it again, is strict about who may send a
// roster, and reads the archive. This version follows no redirect, so it signs in at the session node.

#include "qxmpp_suite.h"

#include <QJsonArray>

#include <QXmppArchiveIq.h>
#include <QXmppArchiveManager.h>
#include <QXmppClient.h>
#include <QXmppConfiguration.h>
#include <QXmppMessage.h>
#include <QXmppPresence.h>
#include <QXmppRosterManager.h>
#include <QXmppVCardIq.h>
#include <QXmppVCardManager.h>

#include <memory>
#include <optional>

// One account at one client; what arrives is kept for the scenarios.
class Person
{
public:
    explicit Person(const QJsonObject &account) : account(account)
    {
        archive = new QXmppArchiveManager;
        client.addExtension(archive);
        roster = client.findExtension<QXmppRosterManager>();
        vCards = client.findExtension<QXmppVCardManager>();
        QObject::connect(&client, &QXmppClient::error, [this](QXmppClient::Error error) {
            if (error == QXmppClient::XmppStreamError)
                refusal = client.xmppStreamError();
        });
        QObject::connect(&client, &QXmppClient::messageReceived, [this](const QXmppMessage &message) {
            if (!message.body().isEmpty())
                messages.append(message);
            else
                states.append(message.state());
        });
        QObject::connect(roster, &QXmppRosterManager::subscriptionReceived, [this](const QString &sender) {
            invitations.append(sender);
        });
        QObject::connect(vCards, &QXmppVCardManager::vCardReceived, [this](const QXmppVCardIq &received) {
            vCard = received;
        });
        QObject::connect(vCards, &QXmppVCardManager::clientVCardReceived, [this] { ownVCard = vCards->clientVCard(); });
        QObject::connect(archive, &QXmppArchiveManager::archiveListReceived, [this](const QList<QXmppArchiveChat> &list) {
            collections = list;
        });
        QObject::connect(archive, &QXmppArchiveManager::archiveChatReceived, [this](const QXmppArchiveChat &chat) {
            collection = chat;
        });
    }

    void dial(const QString &domain, const QJsonArray &address, const QString &token)
    {
        QXmppConfiguration configuration;
        configuration.setUser("_");
        configuration.setDomain(domain);
        configuration.setHost(address[0].toString());
        configuration.setPort(address[1].toInt());
        configuration.setWindowsLiveAccessToken(token);
        configuration.setSaslAuthMechanism("X-MESSENGER-OAUTH2");
        configuration.setStreamSecurityMode(QXmppConfiguration::TLSRequired);
        configuration.setIgnoreSslErrors(true);
        configuration.setAutoReconnectionEnabled(false);
        client.connectToServer(configuration);
    }

    QString jid() const { return account["jid"].toString(); }
    QString name() const { return account["name"].toString(); }

    // The message with this body, removed from those kept.
    QXmppMessage message(const QString &text)
    {
        int index = -1;
        expect("message '" + text + "'", [&] {
            for (index = messages.size() - 1; index >= 0; --index)
                if (messages[index].body() == text)
                    return true;
            return false;
        });
        return messages.takeAt(index);
    }

    void say(const QString &to, const QString &text)
    {
        QXmppMessage message(QString(), to, text);
        message.setType(QXmppMessage::Chat);
        require(client.sendPacket(message), "not sent");
    }

    bool sees(const Person &other, QXmppPresence::AvailableStatusType status) const
    {
        const auto presences = roster->getAllPresencesForBareJid(other.jid());
        for (const auto &presence : presences)
            if (presence.type() == QXmppPresence::Available && presence.availableStatusType() == status)
                return true;
        return false;
    }

    QXmppRosterIq::Item::SubscriptionType subscription(const Person &other) const
    {
        return roster->getRosterEntry(other.jid()).subscriptionType();
    }

    QJsonObject account;
    QXmppClient client;
    QXmppRosterManager *roster;
    QXmppVCardManager *vCards;
    QXmppArchiveManager *archive;
    std::optional<QXmppStanza::Error::Condition> refusal;
    QList<QXmppMessage> messages;
    QList<QXmppMessage::State> states;
    QStringList invitations;
    std::optional<QXmppVCardIq> vCard, ownVCard;
    std::optional<QList<QXmppArchiveChat>> collections;
    std::optional<QXmppArchiveChat> collection;
};

class Stage
{
public:
    explicit Stage(const QJsonObject &service)
        : domain(service["domain"].toString()), node(service["node"].toArray()),
          accounts(service["accounts"].toObject()), erika(account("erika")), frank(account("frank")),
          greta(account("greta"))
    {
    }

    QJsonObject account(const QString &name) const { return accounts[name].toObject(); }

    void signIn(Person &person) { signIn(person, person.account["token"].toString()); }

    void signIn(Person &person, const QString &token)
    {
        person.dial(domain, node, token);
        expect("session", [&] { return person.client.isConnected() && person.roster->isRosterReceived(); });
        requireEqual(person.client.configuration().jidBare(), person.jid(), "bound JID");
    }

    QString domain;
    QJsonArray node;
    QJsonObject accounts;
    Person erika, frank, greta;
};

void refuseWrongToken(Stage &stage)
{
    Person stranger(stage.account("erika"));
    stranger.dial(stage.domain, stage.node, "bm9ib2R5IG1pbnRlZCB0aGlz");
    expect("refusal", [&] { return stranger.refusal.has_value(); });
    require(*stranger.refusal == QXmppStanza::Error::NotAuthorized, "the reason is not not-authorized");
    require(!stranger.client.isConnected(), "signed in all the same");
}

void signIn(Stage &stage)
{
    stage.signIn(stage.erika);
    stage.signIn(stage.frank);
    stage.signIn(stage.greta);
    requireEqual(stage.erika.client.configuration().resource(), "QXmpp", "resource");
}

void readRoster(Stage &stage)
{
    const auto item = stage.erika.roster->getRosterEntry(stage.frank.jid());
    requireEqual(item.name(), stage.frank.name(), "name");
    require(item.subscriptionType() == QXmppRosterIq::Item::Both, "the subscription is not both");
    require(!stage.erika.roster->getRosterBareJids().contains(stage.greta.jid()), "a stranger is in the roster");
}

void exchangePresence(Stage &stage)
{
    expect("presence of the contact", [&] { return stage.erika.sees(stage.frank, QXmppPresence::Online); });
    expect("presence at the contact", [&] { return stage.frank.sees(stage.erika, QXmppPresence::Online); });
    QXmppPresence busy;
    busy.setAvailableStatusType(QXmppPresence::DND);
    busy.setStatusText("in a call");
    stage.frank.client.setClientPresence(busy);
    expect("changed presence", [&] { return stage.erika.sees(stage.frank, QXmppPresence::DND); });
    require(!stage.greta.sees(stage.frank, QXmppPresence::DND), "a stranger saw it");
}

void chat(Stage &stage)
{
    stage.erika.say(stage.frank.jid(), "Hello & <welcome>");
    const auto first = stage.frank.message("Hello & <welcome>");
    requireEqual(first.from(), stage.erika.client.configuration().jid(), "from");
    stage.frank.say(first.from(), QString::fromUtf8("Hello \xF0\x9F\x91\x8B"));
    stage.erika.message(QString::fromUtf8("Hello \xF0\x9F\x91\x8B"));
}

void passChatStates(Stage &stage)
{
    QXmppMessage typing(QString(), stage.frank.jid());
    typing.setType(QXmppMessage::Chat);
    typing.setState(QXmppMessage::Composing);
    stage.erika.client.sendPacket(typing);
    expect("chat state", [&] { return stage.frank.states.contains(QXmppMessage::Composing); });
}

void fetchVCards(Stage &stage)
{
    stage.erika.vCards->requestVCard(stage.frank.jid());
    expect("vCard", [&] { return stage.erika.vCard && stage.erika.vCard->from() == stage.frank.jid(); });
    requireEqual(stage.erika.vCard->fullName(), stage.frank.name(), "FN");
    requireEqual(stage.erika.vCard->nickName(), stage.frank.name(), "NICKNAME");
    stage.erika.vCards->requestClientVCard();
    expect("own vCard", [&] { return stage.erika.ownVCard.has_value(); });
    requireEqual(stage.erika.ownVCard->fullName(), stage.erika.name(), "own FN");
}

void readArchive(Stage &stage)
{
    for (int number = 1; number <= 12; ++number)
        stage.erika.say(stage.frank.jid(), QString("message %1").arg(number));
    stage.frank.message("message 12");
    stage.frank.archive->listCollections(stage.erika.jid(), QDateTime(), QDateTime(), 10);
    expect("list of collections", [&] { return stage.frank.collections.has_value(); });
    require(stage.frank.collections->size() == 1, QString("%1 collections").arg(stage.frank.collections->size()));
    const auto listed = stage.frank.collections->first();
    requireEqual(listed.with(), stage.erika.jid(), "with");
    stage.frank.archive->retrieveCollection(listed.with(), listed.start(), 50);
    expect("collection", [&] { return stage.frank.collection.has_value(); });
    QStringList found, wanted;
    for (const auto &message : stage.frank.collection->messages())
        found << message.body() + (message.isReceived() ? " received" : " sent");
    for (int number = 3; number <= 12; ++number)
        wanted << QString("message %1 received").arg(number);
    requireEqual(found.join(", "), wanted.join(", "), "messages");
}

void invite(Stage &stage)
{
    stage.erika.roster->subscribe(stage.greta.jid());
    expect("invitation", [&] { return stage.greta.invitations.contains(stage.erika.jid()); });
    stage.greta.roster->acceptSubscription(stage.erika.jid());
    expect("both at the inviter", [&] { return stage.erika.subscription(stage.greta) == QXmppRosterIq::Item::Both; });
    expect("both at the invited", [&] { return stage.greta.subscription(stage.erika) == QXmppRosterIq::Item::Both; });
    expect("presence of the invited", [&] { return stage.erika.sees(stage.greta, QXmppPresence::Online); });
    expect("presence of the inviter", [&] { return stage.greta.sees(stage.erika, QXmppPresence::Online); });
}

void signOut(Stage &stage)
{
    stage.frank.client.disconnectFromServer();
    expect("end of the session", [&] { return !stage.frank.client.isConnected(); });
    expect("unavailable presence", [&] { return !stage.erika.sees(stage.frank, QXmppPresence::DND); });
}

// Signs one account in with a token that it was given elsewhere, and out again.
int signInWith(Stage &stage, const QString &name, const QString &token)
{
    Person person(stage.account(name));
    try {
        stage.signIn(person, token);
    } catch (const Unexpected &unexpected) {
        QTextStream(stdout) << unexpected.complaint << Qt::endl;
        return 1;
    }
    person.client.disconnectFromServer();
    return 0;
}

int main(int count, char **arguments)
{
    QCoreApplication application(count, arguments);
    Stage stage(description(application.arguments().value(1))["messenger"].toObject());

    if (count == 4)
        return signInWith(stage, application.arguments().value(2), application.arguments().value(3));

    return run<Stage>(stage, {
        { "a token that nobody minted is refused with not-authorized", refuseWrongToken },
        { "three people sign in at the session node", signIn },
        { "the roster lists the contact by name", readRoster },
        { "presence both ways, and no further", exchangePresence },
        { "chat both ways, to the bare and to the full JID", chat },
        { "chat states pass", passChatStates },
        { "vCards: the contact's and one's own", fetchVCards },
        { "of 12 messages the archive gives exactly the last 10, in order", readArchive },
        { "invitation, acceptance, presence both ways", invite },
        { "signing out is seen by the contact", signOut },
    });
}
