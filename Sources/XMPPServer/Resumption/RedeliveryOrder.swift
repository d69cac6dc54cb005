import Synchronization
import XMPP

/// The order in which sessions of an account that end at once redeliver messages: the oldest message of all sessions first,
/// and for the same message the session with the first resource.
///
/// Each session tells the place of its next message, and goes on when no other message comes before it. The cost of a step
/// hardly grows with the number of sessions.
final class RedeliveryOrder: Sendable {
    /// The place of a session's next message.
    struct Place: Comparable, Sendable {
        let time: Timestamp
        let resource: String

        static func < (left: Place, right: Place) -> Bool {
            (left.time, left.resource) < (right.time, right.resource)
        }
    }

    private struct Entry {
        let place: Place
        let session: ObjectIdentifier
    }

    private struct State {
        /// The session whose turn it is stands last.
        var entries: [Entry] = []
        var places: [ObjectIdentifier: Place] = [:]
        var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]

        /// The index of the first entry that does not stand behind the place.
        func index(of place: Place) -> Int {
            var range = entries.indices
            while !range.isEmpty {
                let middle = range.lowerBound + range.count / 2
                if entries[middle].place > place {
                    range = (middle + 1)..<range.upperBound
                } else {
                    range = range.lowerBound..<middle
                }
            }
            return range.lowerBound
        }

        mutating func remove(_ session: ObjectIdentifier) {
            waiting[session] = nil
            guard let place = places.removeValue(forKey: session) else { return }
            var index = index(of: place)
            while index < entries.count, entries[index].session != session { index += 1 }
            if index < entries.count { entries.remove(at: index) }
        }

        mutating func add(_ session: ObjectIdentifier, at place: Place) {
            places[session] = place
            entries.insert(Entry(place: place, session: session), at: index(of: place))
        }

        /// The closure of the session whose turn it is, if it has waited.
        mutating func takeNext() -> (@Sendable () -> Void)? {
            entries.last.flatMap { waiting.removeValue(forKey: $0.session) }
        }
    }

    private let state = Mutex(State())

    /// Whether it is the turn of a session whose next message has this place. False: `goOn` is called when it may be, from
    /// any thread.
    func isTurn(of session: AnyObject, at place: Place, else goOn: @escaping @Sendable () -> Void) -> Bool {
        let id = ObjectIdentifier(session)
        let (isTurn, next): (Bool, (@Sendable () -> Void)?) = state.withLock { state in
            state.remove(id)
            state.add(id, at: place)
            guard state.entries.last?.session != id else { return (true, nil) }
            state.waiting[id] = goOn
            return (false, state.takeNext())
        }
        next?()
        return isTurn
    }

    /// The session has nothing more to redeliver.
    func ended(_ session: AnyObject) {
        let next = state.withLock { state in
            state.remove(ObjectIdentifier(session))
            return state.takeNext()
        }
        next?()
    }
}

extension AccountRecord {
    static let redeliveryOrder = AccountRecord.Slot("redelivery") { RedeliveryOrder() }
}
