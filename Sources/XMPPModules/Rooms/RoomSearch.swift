import XMPPServer

/// XEP-0433: finds public rooms by their names, addresses and descriptions.
struct RoomSearch {
    static let namespace: Namespace = "urn:xmpp:channel-search:0:search"
    private static let parameters = "urn:xmpp:channel-search:0:search-params"
    private static let errors: Namespace = "urn:xmpp:channel-search:0:error"
    private static let byPeople = "{urn:xmpp:channel-search:0:order}nusers"
    private static let byAddress = "{urn:xmpp:channel-search:0:order}address"
    private static let kind = "xep-0045"
    /// Rooms that are looked through for one search, and found at most.
    private static let searched = 10_000
    private static let found = 1_000
    private static let pageSize = 50
    /// Searches of one account or domain in a minute.
    static let perMinute = 20

    let service: RoomService

    func register(_ declared: inout Registrar) {
        declared.iq(.get, "search", Self.namespace, to: .server, needs: .chat, answer)
    }

    // MARK: Requests

    @Sendable private func answer(_ request: IQRequest) -> Reply {
        let payload = request.payload
        guard let element = payload.child("x", .dataForms) else { return .result { Self.writeForm(to: &$0) } }
        do throws(StanzaError) {
            let form = try DataForm(element)
            guard form.type == nil || form.type == Self.parameters else { throw .badRequest }
            let wish = try Wish(form)
            let page = try ResultSet(of: payload)
            guard service.takesSearch(of: request.from) else {
                throw StanzaError(
                    .resourceConstraint,
                    detail: .init("rate-limit", Self.errors, attributes: [.init("retry-after", "60")]))
            }
            return .async {
                do throws(StorageError) {
                    return try Self.reply(await find(wish), page)
                } catch {
                    return .error(service.host.report(error))
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// What is looked for.
    private struct Wish: Sendable {
        var words: [String] = []
        var inName = true
        var inDescription = true
        var inAddress = true
        var people = 1
        var isByAddress = false

        /// All rooms in which somebody is.
        init() {}

        init(_ form: DataForm) throws(StanzaError) {
            var (text, isAll) = ("", false)
            for (name, values) in form.fields {
                guard let value = values.first else { continue }
                switch name {
                case "q": text = value
                case "all": isAll = try Self.flag(value)
                case "sinname": inName = try Self.flag(value)
                case "sindescription": inDescription = try Self.flag(value)
                case "sinaddress", "sinaddr": inAddress = try Self.flag(value)
                case "min_users":
                    guard let number = Int(schema: value), number >= 0 else { throw .badRequest }
                    people = number
                case "types":
                    // Rooms of other kinds are none.
                    if !values.contains(RoomSearch.kind) { people = .max }
                case "key":
                    guard [RoomSearch.byPeople, RoomSearch.byAddress].contains(value) else {
                        throw RoomSearch.error(.featureNotImplemented, "invalid-sort-key", type: .modify)
                    }
                    isByAddress = value == RoomSearch.byAddress
                default: break
                }
            }
            words = text.lowercased().split(whereSeparator: \.isWhitespace).prefix(16).map(String.init)
            if isAll {
                guard text.isEmpty else { throw RoomSearch.error(.badRequest, "conflicting-fields") }
                return
            }
            guard !text.isEmpty else { throw RoomSearch.error(.badRequest, "no-search-conditions") }
            guard words.contains(where: { $0.count > 1 }), inName || inDescription || inAddress else {
                throw RoomSearch.error(.badRequest, "invalid-search-terms")
            }
        }

        private static func flag(_ text: String) throws(StanzaError) -> Bool {
            guard let flag = Bool(form: text) else { throw .badRequest }
            return flag
        }

        func includes(_ address: String, _ configuration: RoomConfiguration) -> Bool {
            let name = inName ? configuration.name.lowercased() : ""
            let description = inDescription ? configuration.description.lowercased() : ""
            let address = inAddress ? address : ""
            return words.allSatisfy { name.contains($0) || description.contains($0) || address.contains($0) }
        }
    }

    private static func error(
        _ condition: StanzaError.Condition, _ detail: StaticString, type: StanzaError.Kind? = nil
    ) -> StanzaError {
        StanzaError(condition, type: type, detail: .init(detail, errors))
    }

    // MARK: Finding

    /// All of them, in which nobody may be as well.
    func all() async throws(StorageError) -> [PublicRoom] {
        var wish = Wish()
        wish.people = 0
        return try await find(wish).map { PublicRoom($0.address, $0.configuration, people: $0.people) }
    }

    private struct Found: Sendable {
        let address: JID
        let configuration: RoomConfiguration
        let people: Int
    }

    /// The rooms that are public and fit, in the order that was asked for. Where somebody has to be in them, those in memory
    /// are all there are.
    private func find(_ wish: Wish) async throws(StorageError) -> [Found] {
        let counts = service.directory.occupantCounts
        var found: [Found] = []
        func take(_ items: [MapItem<RoomRecord>]) {
            for item in items where item.value.isListed && wish.includes(item.key, item.value.configuration) {
                guard let address = JID(local: item.key, domain: service.domain.domain, resource: nil) else { continue }
                let people = counts[address] ?? 0
                guard people >= wish.people else { continue }
                found.append(Found(address: address, configuration: item.value.configuration, people: people))
            }
        }
        let store = service.store
        if wish.people > 0 {
            let keys = counts.filter { $0.value >= wish.people }.keys.compactMap(\.local)
            for start in stride(from: 0, to: min(keys.count, Self.searched), by: 500) {
                let some = Array(keys[start..<min(start + 500, keys.count)])
                take(try await store.records.items(store.recordsMap, keys: some))
            }
        } else {
            var position = MapQuery.Position.first
            var rest = Self.searched
            while rest > 0, found.count < Self.found {
                let query = MapQuery(store.recordsMap, order: .byKey(), position: position, limit: 500)
                guard let page = try await store.records.page(query), let last = page.items.last else { break }
                take(page.items)
                rest -= page.items.count
                position = .after(last.key)
            }
        }
        found.sort { one, other in
            one.people == other.people || wish.isByAddress
                ? one.address.string < other.address.string : one.people > other.people
        }
        return Array(found.prefix(Self.found))
    }

    // MARK: Answers

    private static func reply(_ found: [Found], _ page: ResultSet) -> Reply {
        let limit = min(page.maximum ?? pageSize, pageSize)
        let shown: ArraySlice<Found>
        func index(_ text: String) -> Int? { found.firstIndex { $0.address.string == text } }
        switch page.place {
        case .first: shown = found.prefix(limit)
        case .last: shown = found.suffix(limit)
        case .after(let text):
            guard let index = index(text) else { return .error(.itemNotFound) }
            shown = found[(index + 1)...].prefix(limit)
        case .before(let text):
            guard let index = index(text) else { return .error(.itemNotFound) }
            shown = found[..<index].suffix(limit)
        }
        return .result { writer in
            writer.element("result", namespace) { writer in
                for room in shown { write(room, to: &writer) }
                ResultSet.write(
                    first: shown.first?.address.string, last: shown.last?.address.string, count: found.count,
                    index: shown.isEmpty ? nil : shown.startIndex, to: &writer)
            }
        }
    }

    private static func write(_ room: Found, to writer: inout XMLWriter) {
        let configuration = room.configuration
        writer.element("item", nil, ["address": room.address.string]) { writer in
            writer.element("name", text: configuration.name.isEmpty ? room.address.local ?? "" : configuration.name)
            if !configuration.description.isEmpty { writer.element("description", text: configuration.description) }
            if !configuration.language.isEmpty { writer.element("language", text: configuration.language) }
            writer.element("nusers", text: "\(room.people)")
            writer.element("service-type", text: kind)
            if !configuration.isForMembers, !configuration.asksForPassword { writer.element("is-open") }
            let mode =
                configuration.isOpenAboutAddresses
                ? "{urn:xmpp:channel-search:0:anonymity}none" : "muc_semianonymous"
            writer.element("anonymity-mode", text: mode)
        }
    }

    private static func writeForm(to writer: inout XMLWriter) {
        let fields = [
            FormField(name: "q", type: "text-single", label: "Search for", values: []),
            FormField(name: "all", type: "boolean", label: "All rooms", values: ["0"]),
            FormField(name: "sinname", type: "boolean", label: "Search in names", values: ["1"]),
            FormField(name: "sindescription", type: "boolean", label: "Search in descriptions", values: ["1"]),
            FormField(name: "sinaddress", type: "boolean", label: "Search in addresses", values: ["1"]),
            FormField(name: "min_users", type: "text-single", label: "People who are there, at least", values: ["1"]),
            FormField(name: "types", type: "list-multi", label: "Kinds", options: [kind], values: [kind]),
            FormField(
                name: "key", type: "list-single", label: "Order", options: [byPeople, byAddress], values: [byPeople]),
        ]
        writer.element("search", namespace) { FormField.write(fields, about: parameters, "form", to: &$0) }
    }
}
