import XML
import XMPP

/// A store with data about the owners of accounts, declared by its module (`ServerModule.personalData`): how its owner gets
/// it, and what ends with the account or its password. Export and erasure are loops over these. They hold whether a host
/// has the module or not: what it has stored stays when it is switched off.
///
/// What an account owns itself goes with it whatever is declared: its settings, keys, contacts, archives, sessions, and the
/// values in every store of which it is the owner.
public struct PersonalData: Sendable {
    /// How values are written for their owner.
    public enum Export: Sendable {
        /// As they are stored.
        case stored
        /// As elements that have a place of their own in the format: written from all values, by their keys.
        case elements(@Sendable ([String: [UInt8]]) -> [UInt8])
        /// In other words, without what opens the account: an element of that name with these attributes for each value.
        case described(StaticString, @Sendable ([UInt8]) -> [(name: String, value: String)]?)
        /// Not at all: it opens the account, or stands elsewhere.
        case secret
    }

    /// The store's name.
    public let store: String
    public let export: Export
    /// Whether another password ends it.
    public let endsWithPassword: Bool
    /// Which of the values are about an account, where the host owns them; nil: the account owns them.
    let isAbout: (@Sendable ([UInt8], JID) -> Bool)?

    /// The data of a store of which accounts are the owners.
    public init(store: String, _ export: Export = .stored, endsWithPassword: Bool = false) {
        self.store = store
        self.export = export
        self.endsWithPassword = endsWithPassword
        isAbout = nil
    }

    /// The data of a store of which the host is the owner.
    ///
    /// - Parameter isAbout: says whether a value is about the account with that bare JID.
    public init<Value: StoredValue>(
        ofHost store: String, _ type: Value.Type, _ export: Export,
        isAbout: @escaping @Sendable (Value, JID) -> Bool
    ) {
        self.store = store
        self.export = export
        endsWithPassword = false
        self.isAbout = { bytes, account in
            // What is damaged is about nobody: it can be read by nobody.
            (try? Element(ownOutput: bytes)).flatMap { Value(stored: $0) }.map { isAbout($0, account) } ?? false
        }
    }

    /// The store of cards. An account without one is exported with a card that is made from its settings.
    public static let cardStore = "vcard"
}
