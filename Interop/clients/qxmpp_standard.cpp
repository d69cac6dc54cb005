// The standard profile as QXmpp sees it: nodes of one's own account by its requests of publish-subscribe, and where to
// upload to by its search. This version has no manager for nodes yet; it came with 1.5.

#include "qxmpp_suite.h"

#include <QDomElement>
#include <QMimeDatabase>

#include <QXmppDiscoveryIq.h>
#include <QXmppDiscoveryManager.h>
#include <QXmppElement.h>
#include <QXmppHttpUploadIq.h>
#include <QXmppPubSubIq.h>
#include <QXmppPubSubItem.h>
#include <QXmppUploadRequestManager.h>

#include <optional>

// Keeps the answers that no manager takes.
class Answers : public QXmppClientExtension
{
public:
    bool handleStanza(const QDomElement &element) override
    {
        if (element.tagName() != "iq" || element.attribute("id") != awaited)
            return false;
        QXmppPubSubIq iq;
        iq.parse(element);
        answer = iq;
        return true;
    }

    QString awaited;
    std::optional<QXmppPubSubIq> answer;
};

class Stage
{
public:
    explicit Stage(const QJsonObject &service) : service(service)
    {
        client.addExtension(answers = new Answers);
        client.addExtension(uploads = new QXmppUploadRequestManager);
    }

    QXmppPubSubIq ask(QXmppPubSubIq iq)
    {
        answers->answer.reset();
        answers->awaited = iq.id();
        require(client.sendPacket(iq), "not sent");
        expect("answer", [&] { return answers->answer.has_value(); });
        return *answers->answer;
    }

    QJsonObject service;
    QXmppClient client;
    Answers *answers;
    QXmppUploadRequestManager *uploads;
};

void signIn(Stage &stage)
{
    signIn(stage.client, stage.service, "antony");
}

void publishAndRead(Stage &stage)
{
    QXmppElement note;
    note.setTagName("note");
    note.setAttribute("xmlns", "urn:example:note");
    note.setValue("Where's Potpan, that he helps not to take away?");
    QXmppPubSubItem item;
    item.setId("current");
    item.setContents(note);
    QXmppPubSubIq publish;
    publish.setType(QXmppIq::Set);
    publish.setQueryType(QXmppPubSubIq::PublishQuery);
    publish.setQueryNode("urn:example:note");
    publish.setItems({ item });
    require(stage.ask(publish).type() == QXmppIq::Result, "not published");

    QXmppPubSubIq read;
    read.setType(QXmppIq::Get);
    read.setQueryType(QXmppPubSubIq::ItemsQuery);
    read.setQueryNode("urn:example:note");
    const auto items = stage.ask(read).items();
    require(items.size() == 1, QString("there are %1 items").arg(items.size()));
    requireEqual(items[0].id(), "current", "id");
    requireEqual(items[0].contents().value(), note.value(), "what was read");
}

void findUploads(Stage &stage)
{
    auto *discovery = stage.client.findExtension<QXmppDiscoveryManager>();
    QObject::connect(discovery, &QXmppDiscoveryManager::itemsReceived, [&](const QXmppDiscoveryIq &iq) {
        for (const auto &item : iq.items())
            discovery->requestInfo(item.jid());
    });
    discovery->requestItems(stage.service["domain"].toString());
    expect("service for uploads", [&] { return stage.uploads->serviceFound(); });
    const auto found = stage.uploads->uploadServices().first();
    require(found.sizeLimit() > 0, "it does not say how big a file may be");

    std::optional<QXmppHttpUploadSlotIq> slot;
    QObject::connect(stage.uploads, &QXmppUploadRequestManager::slotReceived, [&](const QXmppHttpUploadSlotIq &received) {
        slot = received;
    });
    stage.uploads->requestUploadSlot("plate.png", 1000, QMimeDatabase().mimeTypeForName("image/png"), found.jid());
    expect("place to write to", [&] { return slot.has_value(); });
    requireEqual(slot->putUrl().scheme(), "https", "scheme to write");
    requireEqual(slot->getUrl().scheme(), "https", "scheme to read");
}

int main(int count, char **arguments)
{
    QCoreApplication application(count, arguments);
    Stage stage(description(application.arguments().value(1))["standard"].toObject());
    return run<Stage>(stage, {
        { "signs in", signIn },
        { "publishes to a node of its own account, and reads it", publishAndRead },
        { "finds where to upload to, and is given a place", findUploads },
    });
}
