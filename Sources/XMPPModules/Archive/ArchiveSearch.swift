import XMPPServer

/// A client's query of its archive, XEP-0313 §4.
struct ArchiveSearch {
    /// The maximum number of words in a search, and of their bytes.
    private static let maximumWords = 16
    private static let maximumWordBytes = 512

    /// The query without paging.
    private(set) var wholeResult: ArchiveQuery
    /// The query with paging.
    private(set) var query: ArchiveQuery
    /// The entries named by the client, which must exist.
    private(set) var named: Set<ArchiveID> = []
    let maximum: Int
    let isBackward: Bool
    let isFlipped: Bool

    /// - Parameter findsWords: whether a search for words is possible, XEP-0431.
    /// - Throws: the error for the client.
    init(
        _ request: Element, owner: JID, _ view: ArchiveView, pageSize: Int, findsWords: Bool, ids: ArchiveIDGenerator
    ) throws(StanzaError) {
        wholeResult = ArchiveQuery(collection: ArchiveEntry.archive, owner: owner)
        query = wholeResult
        let page = try ResultSet(of: request)
        maximum = min(page.maximum ?? pageSize, pageSize)
        isBackward = page.isBackward
        isFlipped = request.hasChild("flip-page", ArchiveManagement.namespace)

        if let form = request.child("x", .dataForms) { try read(form, view, pageSize, findsWords, ids) }
        query = wholeResult
        switch page.place {
        case .first, .last: break
        case .after(let text): query.restrict(after: try name(text, ids))
        case .before(let text): query.restrict(before: try name(text, ids))
        }
        if let until = page.until { query.restrict(after: try name(until, ids)) }
    }

    private mutating func read(
        _ form: Element, _ view: ArchiveView, _ pageSize: Int, _ findsWords: Bool, _ ids: ArchiveIDGenerator
    ) throws(StanzaError) {
        guard form.attribute("type", equals: "submit") else { throw .badRequest }
        var names: Set<String> = []
        for field in form.children where field.isNamed("field", .dataForms) {
            guard let name = field["var"] else { throw .badRequest }
            // Each field may occur once.
            guard names.insert(name).inserted else { throw .badRequest }
            let values = Array(
                field.children.lazy.filter { $0.isNamed("value", .dataForms) }.prefix(pageSize + 1).map(\.text))
            // An empty field selects nothing.
            guard let value = values.first, !value.isEmpty else { continue }
            switch name {
            case "FORM_TYPE":
                guard value == ArchiveManagement.namespace.name else { throw .badRequest }
            case "with":
                guard let peer = JID(value) else { throw .jidMalformed }
                try view.restrict(&wholeResult, peer)
            case "start": wholeResult.restrict(since: try time(value))
            case "end":
                // Inclusive.
                wholeResult.restrict(until: Timestamp(milliseconds: try time(value).milliseconds &+ 1))
            case "after-id": wholeResult.restrict(after: try self.name(value, ids))
            case "before-id": wholeResult.restrict(before: try self.name(value, ids))
            case "ids":
                guard values.count <= pageSize else { throw .policyViolation }
                var listed: [ArchiveID] = []
                for value in values { listed.append(try self.name(value, ids)) }
                wholeResult.ids = listed
            case ArchiveFullText.field where findsWords:
                guard value.utf8.count <= Self.maximumWordBytes,
                    value.split(whereSeparator: \.isWhitespace).count <= Self.maximumWords
                else { throw .policyViolation }
                wholeResult.words = value
            default:
                // §4.1.5
                throw .featureNotImplemented
            }
        }
    }

    private func time(_ text: String) throws(StanzaError) -> Timestamp {
        guard let time = Timestamp(text) else { throw .badRequest }
        return time
    }

    /// The id of an entry named by the client, which must exist.
    private mutating func name(_ text: String, _ ids: ArchiveIDGenerator) throws(StanzaError) -> ArchiveID {
        guard let id = ids.id(text) else { throw .itemNotFound }
        named.insert(id)
        return id
    }
}
