import NIOCore
import XMPPServer

/// XEP-0313: Message Archive Management: reading archives by pages.
///
///     C: <iq type="set" id="q1"><query xmlns="urn:xmpp:mam:2" queryid="f27">
///          <x xmlns="jabber:x:data" type="submit">…</x>
///          <set xmlns="http://jabber.org/protocol/rsm"><max>50</max><before/></set></query></iq>
///     S: <message from="…" to="…"><result xmlns="urn:xmpp:mam:2" queryid="f27" id="…">
///          <forwarded xmlns="urn:xmpp:forward:0"><delay …/><message …/></forwarded></result></message> …
///     S: <iq type="result" id="q1"><fin xmlns="urn:xmpp:mam:2" complete="true"><set …/></fin></iq>
struct ArchiveManagement: ServerModule {
    static let info = ModuleInfo(
        "mam", implements: [.xep(313, "1.1.3"), .xep(59, "1.0"), .xep(297, "1.0")], requires: ["archive"],
        summary: "People read their archives.")

    static let namespace: Namespace = .archiveManagement
    /// Of whoever has an archive.
    static let features: [Namespace] = [namespace, "urn:xmpp:mam:2#extended"]

    struct Settings: ModuleSettings {
        let findsWords: Bool
        let pageSize: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            findsWords = profile.offers(ArchiveFullText.info.name)
            pageSize = section.integer(
                "page-size", default: 250, in: 1...5000,
                "How many messages are sent at most for one query; also if the client does not say how many it wants.")
        }
    }

    let reader: ArchiveReader

    init(host: Host, settings: Settings) {
        reader = ArchiveReader(host: host, settings: settings)
    }

    func register(_ registrar: inout Registrar) {
        for feature in Self.features {
            registrar.accountFeature(feature)
            // Some clients look for it on the host.
            registrar.feature(feature)
        }
        registrar.reserve(Self.namespace) { child, _ in child.hasName("result") }
        registrar.accountIQ(.get, "query", Self.namespace, to: .ownAccount, needs: .readHistory) { request in
            reader.form(for: request.payload)
        }
        registrar.clientIQ(.set, "query", Self.namespace, to: .ownAccount, needs: .readHistory) { request in
            reader.query(request.account.request, of: request.record.jid)
        }
        registrar.accountIQ(.get, "metadata", Self.namespace, to: .ownAccount, needs: .readHistory) { request in
            reader.describe(request.record.jid)
        }
        // XEP-0386 §3.3: tells a new session the ends of the archive, unless the storage fails.
        registrar.bindFeature(
            Self.namespace, isAnnounced: false, needs: .readHistory,
            reading: { [reader] record -> Eventual<ArchiveReader.Ends?> in
                .later {
                    do throws(StorageError) {
                        return try await reader.ends(of: record.jid)
                    } catch {
                        _ = reader.host.report(error)
                        return nil
                    }
                }
            },
            { [reader] _, ends, _, writer in
                if let ends { reader.write(ends, to: &writer) }
            })
        // The same for accounts that do not exist.
        registrar.iq(.get, "query", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        registrar.iq(.set, "query", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        registrar.iq(.get, "metadata", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
    }
}

extension Host {
    /// Answers queries of archives; nil: they cannot be read in this way.
    var archiveReader: ArchiveReader? { modules.lazy.compactMap { ($0 as? ArchiveManagement)?.reader }.first }
}
