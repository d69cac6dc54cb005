import XMPP

extension StanzaContext {
    /// The message's place in the trace; nil: it is not traced.
    public var mark: TracePoint? {
        guard number != 0, let ring = origin?.client?.trace else { return nil }
        return TracePoint(ring: ring, number: number, now: host.now)
    }

    /// Records a step of the message; for the texts see `TraceStep`.
    public func record(_ moment: TraceStep, _ subject: String = "", _ detail: StaticString = "") {
        guard number != 0, let ring = origin?.client?.trace else { return }
        ring.record(moment, subject, detail, of: number, at: host.now())
    }
}
