import Synchronization
import XMPPServer

/// XEP-0012: Last Activity: the host's uptime, and since when an account is offline, for those who may see its
/// presence. A client answers for its own idle time.
struct LastActivity: ServerModule {
    static let info = ModuleInfo(
        "last-activity", implements: [.xep(12, "2.0")], requires: ["presence"],
        summary: "Tells contacts since when somebody is away.")

    static let personalData = [PersonalData(store: name)]
    private static let name = "last-activity"

    private static let namespace: Namespace = "jabber:iq:last"
    /// Longer status texts are cut.
    private static let maximumStatus = 1000

    private let host: Host
    private let startedAt: Timestamp
    private let store: KeyedStore<Departure>

    init(host: Host, settings: NoSettings) {
        self.host = host
        startedAt = host.now()
        store = KeyedStore(Self.name, in: host.storage)
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.iq(.get, "query", Self.namespace, to: .server, needs: .chat) { [host, startedAt] _ in
            Self.result(seconds: host.now().seconds(since: startedAt), status: nil)
        }
        registrar.iq(.get, "query", Self.namespace, to: [.ownAccount, .account], needs: .chat, describe)
        registrar.on(Hooks.iqToSession, .block) { event in
            guard event.stanza.type == .get, event.stanza.element.hasChild("query", Self.namespace),
                let account = event.account, !account.jid.isSameBare(as: event.from),
                account.rosterItem(event.from.bare)?.state.hasFrom != true
            else { return .go }
            return .bounce(.forbidden)
        }
        registrar.on(Presence.becameUnavailable, .archive) { event in
            note(event)
            return .go
        }
    }

    // MARK: Answers

    @Sendable private func describe(_ request: IQRequest) -> Reply {
        let owner = request.owner
        // §6: only for those who may see the presence.
        return request.answer(if: \.hasFrom, else: .forbidden) {
            if let record = host.accounts.cached(owner), record.sessions.contains(where: \.isAvailable) {
                return Self.result(seconds: 0, status: nil)
            }
            if let departure = host.accounts.cached(owner)?[Self.last].departure { return result(departure) }
            return .async {
                do throws(StorageError) {
                    guard let departure = try await store.get(owner) else { return .error(.itemNotFound) }
                    return result(departure)
                } catch {
                    return .error(host.report(error))
                }
            }
        }
    }

    private func result(_ departure: Departure) -> Reply {
        Self.result(seconds: host.now().seconds(since: departure.at), status: departure.status)
    }

    private static func result(seconds: Int64, status: String?) -> Reply {
        .result { writer in
            writer.element("query", namespace, ["seconds": "\(seconds)"], text: status ?? "")
        }
    }

    // MARK: Departures

    /// Records the end of an account's last session, with its status.
    private func note(_ event: Presence.Unavailable) {
        let record = event.session.record
        guard !record.sessions.contains(where: { $0 !== event.session && $0.isAvailable }) else { return }
        let status = event.presence?.child("status", .client)?.text ?? ""
        let departure = Departure(at: host.now(), status: String(status.prefix(Self.maximumStatus)))
        record[Self.last].departure = departure
        let pin = record.pin()
        host.storage.submit([store.putting(departure, record.jid)], .soon) { [host] result in
            if case .failure(let error) = result { _ = host.report(error) }
            pin.release()
        }
    }

    private static let last = AccountRecord.Slot("last activity") { LastDeparture() }

    private final class LastDeparture: Sendable {
        private let state = Mutex<Departure?>(nil)
        /// nil: none since the account is in memory.
        var departure: Departure? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// When an account went offline, with its last status.
    struct Departure: StoredValue {
        let at: Timestamp
        let status: String

        init(at: Timestamp, status: String) {
            self.at = at
            self.status = status
        }

        init?(stored element: Element) {
            guard let at = element["at"].flatMap({ Timestamp($0) }) else { return nil }
            self.init(at: at, status: element.text)
        }

        func write(to writer: inout XMLWriter) {
            writer.element("departure", "urn:swallowtail:last-activity", ["at": at.xep0082], text: status)
        }
    }
}

extension Timestamp {
    fileprivate func seconds(since earlier: Timestamp) -> Int64 { max(0, (milliseconds - earlier.milliseconds) / 1000) }
}
