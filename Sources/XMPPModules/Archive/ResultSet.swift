import XMPPServer

/// XEP-0059: the requested page of a result.
struct ResultSet {
    /// The position of the page.
    enum Place {
        /// The beginning.
        case first
        /// After this item.
        case after(String)
        /// Directly before this item.
        case before(String)
        /// The end.
        case last
    }

    /// The maximum number of items; nil: the server decides.
    let maximum: Int?
    let place: Place
    /// The other bound, if both are given.
    let until: String?

    /// The whole result.
    static let all = ResultSet(maximum: nil, place: .first, until: nil)

    private init(maximum: Int?, place: Place, until: String?) {
        self.maximum = maximum
        self.place = place
        self.until = until
    }

    /// Reads the `<set/>` of a request.
    ///
    /// - Throws: `bad-request`, or `feature-not-implemented` for a page by its number, §2.6.
    init(of request: Element) throws(StanzaError) {
        guard let set = request.child("set", .resultSet) else {
            self = .all
            return
        }
        if set.hasChild("index", .resultSet) { throw .featureNotImplemented }
        if let text = set.child("max", .resultSet)?.text {
            guard let number = Int(schema: text), number >= 0 else { throw .badRequest }
            maximum = number
        } else {
            maximum = nil
        }
        let after = set.child("after", .resultSet)?.text
        switch (set.child("before", .resultSet)?.text, after) {
        case ("", nil): (place, until) = (.last, nil)
        case ("", let after): (place, until) = (.last, after)
        case (let before?, let after): (place, until) = (.before(before), after)
        case (nil, let after?): (place, until) = (.after(after), nil)
        case (nil, nil): (place, until) = (.first, nil)
        }
    }

    /// Whether pages go from the end to the beginning.
    var isBackward: Bool {
        switch place {
        case .first, .after: false
        case .before, .last: true
        }
    }

    /// The bytes of items on a page that is one stanza: clients refuse stanzas that are much larger.
    static let pageBytes = 128 << 10

    /// As many items as a page that is one stanza takes, and at least one.
    ///
    /// - Parameter isBackward: the page ends with the last item; otherwise it begins with the first.
    static func fitting<Item>(_ items: [Item], isBackward: Bool, _ byteCount: (Item) -> Int) -> [Item] {
        var (count, bytes) = (0, 0)
        while count < items.count {
            bytes += byteCount(items[isBackward ? items.count - 1 - count : count])
            guard bytes <= pageBytes || count == 0 else { break }
            count += 1
        }
        return Array(isBackward ? items.suffix(count) : items.prefix(count))
    }

    /// Writes the position of a page.
    static func write(
        first: String?, last: String?, count: Int?, index: Int? = nil, to writer: inout XMLWriter
    ) {
        writer.element("set", .resultSet) { writer in
            if let first { writer.element("first", nil, ["index": index.map(String.init)], text: first) }
            if let last { writer.element("last", text: last) }
            if let count { writer.element("count", text: String(count)) }
        }
    }
}
