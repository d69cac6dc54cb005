/// A Content-Security-Policy: the allowed sources and targets of a page.
public struct ContentPolicy: Sendable, CustomStringConvertible {
    private var directives: [(name: String, sources: String)]

    /// Allows nothing: for responses that are no pages.
    public static let nothing = ContentPolicy([("default-src", "'none'"), ("frame-ancestors", "'none'")])

    /// For a page of forms with our style sheet and pictures, without scripts.
    public static let page = ContentPolicy([
        ("default-src", "'none'"), ("style-src", "'self'"), ("img-src", "'self'"), ("form-action", "'self'"),
        ("base-uri", "'none'"), ("frame-ancestors", "'none'"),
    ])

    private init(_ directives: [(name: String, sources: String)]) {
        self.directives = directives
    }

    /// The policy with one more source for a directive.
    public func allowing(_ source: String, for name: String) -> ContentPolicy {
        var policy = self
        if let index = policy.directives.firstIndex(where: { $0.name == name }) {
            policy.directives[index].sources += " \(source)"
        } else {
            policy.directives.append((name, source))
        }
        return policy
    }

    public var description: String { directives.map { "\($0.name) \($0.sources)" }.joined(separator: "; ") }
}
