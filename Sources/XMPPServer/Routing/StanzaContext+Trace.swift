import XMPP

extension StanzaContext {
    /// Where the message is in the trace; `nil`: it is not followed.
    public var mark: TracePoint? {
        guard number != 0, let ring = origin?.client?.trace else { return nil }
        return TracePoint(ring: ring, number: number, now: host.now)
    }

    /// Notes what happens to the message now; the texts are as `TraceStep` says.
    public func record(_ moment: TraceStep, _ subject: String = "", _ detail: StaticString = "") {
        guard number != 0, let ring = origin?.client?.trace else { return }
        ring.record(moment, subject, detail, of: number, at: host.now())
    }
}
