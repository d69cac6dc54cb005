/// The three kinds of stanza (RFC 6120, section 8.2).
public enum StanzaKind: UInt8, Sendable, CaseIterable {
    case message, presence, iq

    /// The name of the element.
    public var name: StaticString {
        switch self {
        case .message: "message"
        case .presence: "presence"
        case .iq: "iq"
        }
    }
}

/// The attribute `type` of a stanza, for all three kinds (RFC 6120, section 8.2; RFC 6121, sections 4.7.1 and 5.2.2).
public enum StanzaType: UInt8, Sendable, CaseIterable {
    /// Any kind: a stanza came back.
    case error
    /// Messages; `normal` is the default.
    case normal, chat, groupchat, headline
    /// IQs: requests and their answer.
    case get, set, result
    /// Presence; `available` is the default, and is not written.
    case available, unavailable, probe, subscribe, subscribed, unsubscribe, unsubscribed
    /// An invalid value.
    case unknown

    /// The value of the attribute; nil for `available`, which is not written, and `unknown`.
    public var name: StaticString? {
        switch self {
        case .error: "error"
        case .normal: "normal"
        case .chat: "chat"
        case .groupchat: "groupchat"
        case .headline: "headline"
        case .get: "get"
        case .set: "set"
        case .result: "result"
        case .available, .unknown: nil
        case .unavailable: "unavailable"
        case .probe: "probe"
        case .subscribe: "subscribe"
        case .subscribed: "subscribed"
        case .unsubscribe: "unsubscribe"
        case .unsubscribed: "unsubscribed"
        }
    }

    /// The presence as a subscription stanza; nil for other types.
    public var subscription: SubscriptionType? {
        switch self {
        case .subscribe: .subscribe
        case .subscribed: .subscribed
        case .unsubscribe: .unsubscribe
        case .unsubscribed: .unsubscribed
        default: nil
        }
    }
}
