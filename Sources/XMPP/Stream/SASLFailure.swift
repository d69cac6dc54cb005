/// A failed sign-in (RFC 6120, section 6.5); the raw value is the element's name.
public enum SASLFailure: String, Error, Sendable, CaseIterable {
    /// The client gave up.
    case aborted
    /// The account is switched off.
    case accountDisabled = "account-disabled"
    /// The credentials are too old.
    case credentialsExpired = "credentials-expired"
    /// The mechanism needs TLS.
    case encryptionRequired = "encryption-required"
    /// The data are not Base64.
    case incorrectEncoding = "incorrect-encoding"
    /// The client may not act for that address.
    case invalidAuthzid = "invalid-authzid"
    /// The mechanism was not offered.
    case invalidMechanism = "invalid-mechanism"
    /// The data do not have the mechanism's form.
    case malformedRequest = "malformed-request"
    /// The account asks for a stronger mechanism.
    case mechanismTooWeak = "mechanism-too-weak"
    /// The credentials are wrong; the same for an unknown account.
    case notAuthorized = "not-authorized"
    /// The server could not verify them now.
    case temporaryAuthFailure = "temporary-auth-failure"

    /// The name of the element.
    public var name: StaticString {
        switch self {
        case .aborted: "aborted"
        case .accountDisabled: "account-disabled"
        case .credentialsExpired: "credentials-expired"
        case .encryptionRequired: "encryption-required"
        case .incorrectEncoding: "incorrect-encoding"
        case .invalidAuthzid: "invalid-authzid"
        case .invalidMechanism: "invalid-mechanism"
        case .malformedRequest: "malformed-request"
        case .mechanismTooWeak: "mechanism-too-weak"
        case .notAuthorized: "not-authorized"
        case .temporaryAuthFailure: "temporary-auth-failure"
        }
    }
}
