import NIOCore
import XMPPServer

/// XEP-0136 §2 and §6: archiving preferences in the terms of that specification. They are the preferences of XEP-0441;
/// modes that only clients act on (off the record, expiry, methods) are stored for them.
struct ArchivingModes: Sendable {
    private static let namespace = MessageArchiving.namespace
    private static let otrModes: Set = ["approve", "concede", "forbid", "oppose", "prefer", "require"]
    private static let methods = ["auto", "local", "manual"]
    private static let uses: Set = ["concede", "forbid", "prefer"]
    private static let maximumItems = 1000
    /// One default, and each method once.
    private static let maximumChildren = maximumItems + 1 + methods.count

    static let store = "archiving-modes"

    /// Set on sessions that asked for the preferences, and get changes, §2.3.
    private static let wantsChanges = ClientSession.Flag("wants archiving preferences")

    let host: Host

    private var store: KeyedStore<Modes> { KeyedStore(Self.store, in: host.storage) }

    func register(_ registrar: inout Registrar) {
        for feature: Namespace in ["urn:xmpp:archive:auto", "urn:xmpp:archive:pref"] { registrar.feature(feature) }
        registrar.clientIQ(.get, "pref", Self.namespace, to: [.server, .ownAccount], needs: .readHistory, get)
        registrar.clientIQ(.set, "pref", Self.namespace, to: [.server, .ownAccount], needs: .manageHistory, set)
        registrar.clientIQ(
            .set, "itemremove", Self.namespace, to: [.server, .ownAccount], needs: .manageHistory, removeItems)
        registrar.clientIQ(.set, "auto", Self.namespace, to: [.server, .ownAccount], needs: .manageHistory, automate)
    }

    @Sendable private func get(_ request: ClientRequest) -> Reply {
        let (session, record) = (request.session, request.record)
        return .async {
            do throws(StorageError) {
                // To include recent changes.
                await host.storage.flush()
                let stored = try await store.all(record.jid)
                session.set(Self.wantsChanges, true)
                return .result { writer in write(stored, record, session, to: &writer) }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private func write(
        _ stored: [String: Modes], _ record: AccountRecord, _ session: ClientSession, to writer: inout XMLWriter
    ) {
        let values = record[ArchivePreferences.slot].values
        let isKept = values.standard.map { $0 != .never } ?? record.keepsHistory
        writer.start("pref", Self.namespace)
        writer.element("auto", nil, ["save": session.has(Archive.isPaused) ? "false" : "true"])
        let standard = stored["default"]
        writer.element(
            "default", nil,
            [
                "expire": standard?.expire, "otr": standard?.otr ?? "concede",
                "save": isKept ? "message" : "false",
                "unset": values.standard == nil ? "true" : nil,
            ])
        for (jid, isKept) in values.exceptions.sorted(by: { $0.key.string < $1.key.string }) {
            let item = stored[Self.key(of: jid)]
            writer.element(
                "item", nil,
                [
                    "expire": item?.expire, "jid": jid.string, "otr": item?.otr ?? "concede",
                    "save": isKept ? "message" : "false",
                ])
        }
        for method in Self.methods {
            let use = stored["method " + method]?.use ?? (method == "auto" ? "prefer" : "concede")
            writer.element("method", nil, ["type": method, "use": use])
        }
        writer.end()
    }

    private static func key(of jid: JID) -> String { "item " + jid.string }

    /// Removes modes for addresses that are in no list any more.
    static func removal(of jids: some Sequence<JID>, owner: JID) -> [StorageChange] {
        jids.map { .removeValue(store: store, owner: owner, key: key(of: $0)) }
    }

    // MARK: Changes

    /// Whether a request has no more children than is possible; checked before they are parsed.
    private static func mayBeRead(_ request: Element) -> Bool {
        request.children.count(where: { _ in true }) <= maximumChildren
    }

    @Sendable private func set(_ request: ClientRequest) -> Reply {
        guard Self.mayBeRead(request.payload) else { return .error(.resourceConstraint) }
        let record = request.record
        var standard: ArchivePreferences.Default?
        var exceptions: [JID: Bool] = [:]
        var changes: [StorageChange] = []
        for child in request.payload.children {
            let key: String
            guard let modes = Modes(of: child) else { return .error(.badRequest) }
            if child.isNamed("default", Self.namespace) {
                guard let isKept = isKept(child) else { return .error(refusal(of: child)) }
                standard = isKept ? .always : .never
                key = "default"
            } else if child.isNamed("item", Self.namespace) {
                guard let jid = child["jid"].flatMap({ JID($0) }) else { return .error(.jidMalformed) }
                guard let isKept = isKept(child) else { return .error(refusal(of: child)) }
                exceptions[jid] = isKept
                key = Self.key(of: jid)
            } else if child.isNamed("method", Self.namespace) {
                guard let type = child["type"], Self.methods.contains(type), Self.uses.contains(child["use"] ?? "")
                else {
                    return .error(.badRequest)
                }
                key = "method " + type
            } else {
                return .error(.featureNotImplemented)
            }
            changes.append(store.putting(modes, record.jid, key: key))
        }
        guard !changes.isEmpty else { return .error(.badRequest) }
        return apply(record, pushing: request.payload) { values throws(StanzaError) in
            values.standard = standard ?? values.standard
            values.exceptions.merge(exceptions) { _, new in new }
            guard values.exceptions.count <= Self.maximumItems else { throw .resourceConstraint }
            return changes
        }
    }

    @Sendable private func removeItems(_ request: ClientRequest) -> Reply {
        guard Self.mayBeRead(request.payload) else { return .error(.resourceConstraint) }
        var jids: [JID] = []
        for child in request.payload.children where child.isNamed("item", Self.namespace) {
            guard let jid = child["jid"].flatMap({ JID($0) }) else { return .error(.jidMalformed) }
            jids.append(jid)
        }
        guard !jids.isEmpty else { return .error(.badRequest) }
        return apply(request.record, pushing: request.payload) { values throws(StanzaError) in
            for jid in jids {
                guard values.exceptions.removeValue(forKey: jid) != nil else { throw .itemNotFound }
            }
            return []
        }
    }

    /// §6: for this stream, or permanently.
    @Sendable private func automate(_ request: ClientRequest) -> Reply {
        let isOn: Bool
        switch request.payload["save"] {
        case "true", "1": isOn = true
        case "false", "0": isOn = false
        default: return .error(.badRequest)
        }
        request.session.set(Archive.isPaused, !isOn)
        guard request.payload["scope"] == "global" else { return .ok }
        return apply(request.record, pushing: nil) { values in
            values.standard = isOn ? .always : .never
            return []
        }
    }

    private func apply(
        _ record: AccountRecord, pushing change: Element?,
        _ body: (inout ArchivePreferences.Values) throws(StanzaError) -> [StorageChange]
    ) -> Reply {
        let stored: @Sendable () async -> StanzaError?
        do throws(StanzaError) {
            stored = try host.changePreferences(of: record, body)
        } catch {
            return .error(error)
        }
        return .async {
            if let error = await stored() { return .error(error) }
            guard let change = change?.detached() else { return .ok }
            for session in record.sessions where session.has(Self.wantsChanges) {
                session.send(.iq) { writer in
                    writer.element(
                        "iq", .client,
                        ["type": "set", "id": "pref-\(SecureRandom.text(length: 8))", "to": session.jid.string]
                    ) { $0.copy(change) }
                }
            }
            return .ok
        }
    }

    /// §2.2.2, §2.2.3; nil: invalid modes.
    private func isKept(_ modes: Element) -> Bool? {
        guard let otr = modes["otr"], Self.otrModes.contains(otr) else { return nil }
        switch modes["save"] {
        case "false": return false
        // Both are archived as the whole message.
        case "body", "message": return otr == "require" ? nil : true
        default: return nil
        }
    }

    private func refusal(of modes: Element) -> StanzaError {
        modes["save"] == "stream" ? .featureNotImplemented : .badRequest
    }
}

/// Modes that the server does not act on, stored with the default, an address or a method.
private struct Modes: StoredValue {
    let expire: String?
    let otr: String?
    let use: String?

    /// nil: the expiry is invalid.
    init?(of element: Element) {
        guard element["expire"].map({ UInt64(schema: $0) != nil }) ?? true else { return nil }
        self.init(stored: element)
    }

    init(stored element: Element) {
        expire = element["expire"].flatMap { UInt64(schema: $0) }.map { "\($0)" }
        otr = element["otr"]
        use = element["use"]
    }

    func write(to writer: inout XMLWriter) {
        writer.element("modes", MessageArchiving.namespace, ["expire": expire, "otr": otr, "use": use])
    }
}
