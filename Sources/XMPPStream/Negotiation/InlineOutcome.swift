import XML

/// What became of what a client asked for within its sign-in, XEP-0388 §2.6.1.
public struct InlineOutcome {
    /// The session that the stream goes on with; nil: the client has to bind a resource.
    public var session: (any StreamSession)?
    /// Whether that session goes on from another stream: then no features follow.
    public var isResumption: Bool
    /// Writes the answers into `<success/>`.
    public var write: (inout XMLWriter) -> Void
    /// Called when the success and the features behind it have been written.
    public var then: (() -> Void)?

    public init(
        session: (any StreamSession)? = nil,
        isResumption: Bool = false,
        write: @escaping (inout XMLWriter) -> Void = { _ in },
        then: (() -> Void)? = nil
    ) {
        self.session = session
        self.isResumption = isResumption
        self.write = write
        self.then = then
    }
}
