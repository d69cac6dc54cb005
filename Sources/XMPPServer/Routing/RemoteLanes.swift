import DequeModule
import Synchronization
import XMPP

/// Stanzas from other servers that wait behind an earlier one for the same account or service. Each such address is a
/// *lane*, held while one of its stanzas waits for something.
final class RemoteLanes: Sendable {
    /// A stanza, with the way by which it came.
    typealias Waiting = (stanza: RemoteStanza, route: any RemoteRoute)

    private struct Lane {
        var holds = 1
        var waiting = Deque<Waiting>()
    }

    /// How many stanzas may wait for one address.
    private static let maximum = 1_000

    enum Outcome {
        case goes
        case waits
        case full
    }

    /// The lanes that are held, by bare JIDs.
    private let lanes = Mutex<[JID: Lane]>([:])

    /// A stanza to the address begins to wait.
    func hold(_ address: JID) {
        lanes.withLock { lanes in
            if lanes[address] == nil { lanes[address] = Lane() } else { lanes[address]?.holds += 1 }
        }
    }

    /// Decides whether a stanza goes on now, or waits behind others.
    func enter(_ stanza: RemoteStanza, _ route: any RemoteRoute) -> Outcome {
        lanes.withLock { lanes in
            let address = stanza.to.bare
            guard let count = lanes[address]?.waiting.count else { return .goes }
            guard count < Self.maximum else { return .full }
            lanes[address]?.waiting.append((stanza, route))
            return .waits
        }
    }

    /// A stanza to the address waits no more.
    func release(_ address: JID) { lanes.withLock { $0[address]?.holds -= 1 } }

    /// The next stanza that goes on, if the lane is not held any more; then it holds the lane until `release`.
    func next(_ address: JID) -> Waiting? {
        lanes.withLock { lanes in
            guard let lane = lanes[address], lane.holds == 0 else { return nil }
            guard let next = lanes[address]?.waiting.popFirst() else {
                lanes[address] = nil
                return nil
            }
            lanes[address]?.holds = 1
            return next
        }
    }
}
