/// The mechanisms for the token that the server has given to an installation (XEP-0484): the HT family,
/// draft-schmaus-kitten-sasl-ht-09, in order of preference.
public enum FASTMechanism: String, Sendable, CaseIterable {
    case exporter = "HT-SHA-256-EXPR"
    case serverEndPoint = "HT-SHA-256-ENDP"
    case none = "HT-SHA-256-NONE"

    /// The channel binding that the client proves; nil: none.
    public var binding: ChannelBindingType? {
        switch self {
        case .exporter: .tlsExporter
        case .serverEndPoint: .tlsServerEndPoint
        case .none: nil
        }
    }

    /// Whether the mechanism can be used on a connection with that binding.
    func isUsable(_ binding: ChannelBinding) -> Bool { self.binding.map { binding.data[$0] != nil } ?? true }
}
