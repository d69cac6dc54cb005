// Rooms as QXmpp's manager of rooms sees them: two people enter one, talk and invite, one configures it and sends the
// other away.

#include "qxmpp_suite.h"

#include <QXmppDataForm.h>
#include <QXmppMessage.h>
#include <QXmppMucIq.h>
#include <QXmppMucManager.h>
#include <QXmppStanza.h>

#include <optional>

// Somebody with a client, the room as that client keeps it, and what was said there.
class Person : public QObject
{
public:
    Person(const QString &name, const QString &nickname, const QString &address)
        : name(name), nickname(nickname), manager(new QXmppMucManager)
    {
        client.addExtension(manager);
        room = manager->addRoom(address);
        room->setNickName(nickname);
        connect(room, &QXmppMucRoom::messageReceived, this, [this](const QXmppMessage &message) {
            said.append(message.from().section('/', 1) + ": " + message.body());
        });
        connect(room, &QXmppMucRoom::error, this,
                [this](const QXmppStanza::Error &error) { refusal = error.condition(); });
        connect(room, &QXmppMucRoom::kicked, this, [this](const QString &, const QString &reason) { kicked = reason; });
        connect(manager, &QXmppMucManager::invitationReceived, this,
                [this](const QString &to, const QString &, const QString &reason) { invited = to + " " + reason; });
    }

    void enter()
    {
        require(room->join(), "not sent");
        expect(name + " in the room", [&] { return room->isJoined(); });
    }

    void hears(const QString &line)
    {
        expect(name + " hearing '" + line + "'", [&] { return said.contains(line); });
        require(said.count(line) == 1, "'" + line + "' came twice");
    }

    QString name;
    QString nickname;
    QXmppClient client;
    QXmppMucManager *manager;
    QXmppMucRoom *room;
    QStringList said;
    std::optional<QXmppStanza::Error::Condition> refusal;
    std::optional<QString> kicked;
    std::optional<QString> invited;
};

class Stage
{
public:
    explicit Stage(const QJsonObject &service)
        : service(service), address("chamber@conference." + service["domain"].toString()),
          livia("livia", "Livia", address), valentine("valentine", "Valentine", address)
    {
    }

    QString occupant(const Person &person) const { return address + "/" + person.nickname; }

    QJsonObject service;
    QString address;
    Person livia;
    Person valentine;
};

void signIn(Stage &stage)
{
    signIn(stage.livia.client, stage.service, stage.livia.name);
    signIn(stage.valentine.client, stage.service, stage.valentine.name);
}

void make(Stage &stage)
{
    auto *room = stage.livia.room;
    stage.livia.enter();
    std::optional<QXmppDataForm> form;
    QObject::connect(room, &QXmppMucRoom::configurationReceived, &stage.livia, [&](const QXmppDataForm &received) {
        form = received;
    });
    require(room->requestConfiguration(), "not sent");
    expect("form", [&] { return form.has_value(); });
    auto fields = form->fields();
    for (auto &field : fields) {
        if (field.key() == "muc#roomconfig_roomname")
            field.setValue("Livia's Chamber");
        if (field.key() == "muc#roomconfig_changesubject")
            field.setValue(true);
    }
    form->setFields(fields);
    form->setType(QXmppDataForm::Submit);
    require(room->setConfiguration(*form), "not sent");
    require(room->allowedActions().testFlag(QXmppMucRoom::ConfigurationAction), "the owner may not configure the room");
}

void talk(Stage &stage)
{
    // The form may be on its way yet; a room that nobody has configured lets nobody in.
    while (!stage.valentine.room->isJoined()) {
        stage.valentine.refusal.reset();
        require(stage.valentine.room->join(), "not sent");
        expect("Valentine in the room, or kept out", [&] {
            return stage.valentine.room->isJoined() || stage.valentine.refusal.has_value();
        });
    }
    expect("name of the room", [&] { return stage.valentine.room->name() == "Livia's Chamber"; });
    for (auto *person : { &stage.livia, &stage.valentine })
        expect("two people in the room", [&] { return person->room->participants().size() == 2; });
    stage.livia.room->sendMessage("My fair niece");
    stage.valentine.room->sendMessage("And his brother");
    for (auto *person : { &stage.livia, &stage.valentine }) {
        person->hears("Livia: My fair niece");
        person->hears("Valentine: And his brother");
    }
    stage.valentine.room->setSubject("Cousins");
    expect("subject", [&] { return stage.livia.room->subject() == "Cousins"; });
}

void rename(Stage &stage)
{
    stage.valentine.refusal.reset();
    stage.valentine.room->setNickName("Livia");
    expect("refusal", [&] { return stage.valentine.refusal.has_value(); });
    require(*stage.valentine.refusal == QXmppStanza::Error::Conflict, "it is no conflict");
    stage.valentine.nickname = "Brother";
    stage.valentine.room->setNickName("Brother");
    expect("nickname", [&] { return stage.livia.room->participants().contains(stage.occupant(stage.valentine)); });
}

void moderate(Stage &stage)
{
    require(stage.livia.room->kick(stage.occupant(stage.valentine), "Too late for a visit"), "not sent");
    expect("kick", [&] { return stage.valentine.kicked.has_value(); });
    requireEqual(*stage.valentine.kicked, "Too late for a visit", "reason");
    expect("one in the room", [&] { return stage.livia.room->participants().size() == 1; });
}

void invite(Stage &stage)
{
    require(stage.livia.room->sendInvitation("valentine@localhost", "Come in"), "not sent");
    expect("invitation", [&] { return stage.valentine.invited.has_value(); });
    requireEqual(*stage.valentine.invited, stage.address + " Come in", "invitation");
    stage.valentine.said.clear();
    stage.valentine.enter();
    stage.valentine.hears("Livia: My fair niece");
}

void permissions(Stage &stage)
{
    std::optional<QList<QXmppMucItem>> permissions;
    QObject::connect(stage.livia.room, &QXmppMucRoom::permissionsReceived, &stage.livia,
                     [&](const QList<QXmppMucItem> &received) { permissions = received; });
    require(stage.livia.room->requestPermissions(), "not sent");
    expect("permissions", [&] { return permissions.has_value(); });
    require(permissions->size() == 1, QString("there are %1 permissions").arg(permissions->size()));
    requireEqual(permissions->first().jid(), "livia@localhost", "who owns the room");
}

void ban(Stage &stage)
{
    stage.valentine.refusal.reset();
    require(stage.livia.room->ban("valentine@localhost", "Enough"), "not sent");
    expect("ban", [&] { return !stage.valentine.room->isJoined(); });
    require(stage.valentine.room->join(), "not sent");
    expect("refusal", [&] { return stage.valentine.refusal.has_value(); });
    require(*stage.valentine.refusal == QXmppStanza::Error::Forbidden, "who is banned is kept out for another reason");
    require(stage.livia.room->leave(), "not sent");
    expect("nobody in the room", [&] { return !stage.livia.room->isJoined(); });
}

int main(int count, char **arguments)
{
    QCoreApplication application(count, arguments);
    Stage stage(description(application.arguments().value(1))["standard"].toObject());
    return run<Stage>(stage, {
        { "two people sign in", signIn },
        { "makes a room, and configures it by its form", make },
        { "another enters; they talk, and either may change the subject", talk },
        { "a nickname in use is refused; another is shown to all", rename },
        { "kicks, with a reason", moderate },
        { "invites; who comes back is shown what was said", invite },
        { "reads who may what", permissions },
        { "bans, and leaves", ban },
    });
}
