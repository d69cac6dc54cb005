import XMPPServer

extension Verdict {
    /// The same decision, with its error, whenever it comes, as `change` makes it.
    func telling(_ change: @escaping @Sendable (StanzaError) -> StanzaError) -> Verdict {
        switch self {
        case .go, .handled: self
        case .bounce(let error): .bounce(change(error))
        case .wait(let operation): .wait { await operation().telling(change) }
        case .keep(let keeping):
            .keep { changes, submitted, done in keeping(changes, submitted) { done($0.map(change)) } }
        }
    }
}
