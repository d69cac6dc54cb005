import XMPPServer

/// XEP-0441: Message Archive Management Preferences.
///
///     C: <iq type="set" id="p1"><prefs xmlns="urn:xmpp:mam:2" default="roster">
///          <always/><never><jid>…</jid></never></prefs></iq>
///     S: <iq type="result" id="p1"><prefs xmlns="urn:xmpp:mam:2" default="roster">…</prefs></iq>
struct ArchivePreferencesRequests: ServerModule {
    static let info = ModuleInfo(
        "archive-preferences", implements: [.xep(441, "0.2.0")], requires: ["archive"],
        summary: "People say what is kept in their archives.")

    static let namespace = ArchiveManagement.namespace

    struct Settings: ModuleSettings {
        let maximum: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            maximum = section.integer(
                "maximum-items", default: 1000, in: 1...100_000, "How many addresses the lists of an account may have.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.accountIQ(.get, "prefs", Self.namespace, to: .ownAccount, needs: .readHistory) { request in
            let record = request.record
            let values = record[ArchivePreferences.slot].values
            return .result { Self.write(values, of: record, to: &$0) }
        }
        registrar.accountIQ(.set, "prefs", Self.namespace, to: .ownAccount, needs: .manageHistory, set)
        for kind in [IQRequest.Kind.get, .set] {
            registrar.iq(kind, "prefs", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        }
    }

    @Sendable private func set(_ request: AccountRequest) -> Reply {
        guard ArchivePreferences.Values.addressCount(request.payload) <= settings.maximum else {
            return .error(.resourceConstraint)
        }
        guard request.payload["default"] != nil, let values = ArchivePreferences.Values(request.payload) else {
            return .error(.badRequest)
        }
        let record = request.record
        let stored: @Sendable () async -> StanzaError?
        do throws(StanzaError) {
            stored = try host.changePreferences(of: record) { present in
                present = values
                return []
            }
        } catch {
            return .error(error)
        }
        return .async {
            if let error = await stored() { return .error(error) }
            return .result { Self.write(values, of: record, to: &$0) }
        }
    }

    /// There is always a default; without preferences it is that of the account's setting.
    private static func write(
        _ values: ArchivePreferences.Values, of record: AccountRecord, to writer: inout XMLWriter
    ) {
        var values = values
        values.standard = values.standard ?? (record.keepsHistory ? .always : .never)
        values.write(to: &writer)
    }
}

extension Host {
    /// Changes an account's preferences. They apply at once, so that the next change builds on them.
    ///
    /// - Parameter body: changes them, and returns further storage changes.
    /// - Returns: waits until they are stored; its result is an error, or nil.
    func changePreferences(
        of record: AccountRecord,
        _ body: (inout ArchivePreferences.Values) throws(StanzaError) -> [StorageChange]
    ) throws(StanzaError) -> @Sendable () async -> StanzaError? {
        let store = KeyedStore<ArchivePreferences.Values>(ArchivePreferences.store, in: storage)
        let commit = Commit()
        let pin = record.pin()
        try record[ArchivePreferences.slot].change(in: storage) { result in
            commit.finish(result)
            pin.release()
        } _: { values throws(StanzaError) in
            let former = values.exceptions.keys
            let changes = try body(&values)
            let gone = former.filter { values.exceptions[$0] == nil }
            return changes + ArchivingModes.removal(of: gone, owner: record.jid) + [store.putting(values, record.jid)]
        }
        return {
            do throws(StorageError) {
                try await commit.wait()
                return nil
            } catch {
                return self.report(error)
            }
        }
    }
}
