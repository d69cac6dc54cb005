import XML

/// The outcome of the requests within a sign-in, XEP-0388 §2.6.1.
public struct InlineOutcome {
    /// The stream's session; nil: the client has to bind a resource.
    public var session: (any StreamSession)?
    /// Whether the session was resumed: then no features follow.
    public var isResumption: Bool
    /// Writes the answers into `<success/>`.
    public var write: (inout XMLWriter) -> Void
    /// Called after the success and the features.
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
