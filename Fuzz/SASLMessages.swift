import XML
import XMPP
import XMPPStream

/// The entry point that libFuzzer calls: compile with `-sanitize=fuzzer -parse-as-library`, as are XMPP and XMPPStream.
///
/// Feeds what a client could send to a SASL exchange: the first byte chooses mechanism and channel, the rest is the
/// messages, separated by 0xFE, with every look-up answered as for an account that does not exist.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSASLMessages(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = bytes.first else { return 0 }
    let mechanisms = SASLMechanism.allCases
    let names = mechanisms.map(\.rawValue) + FASTMechanism.allCases.map(\.rawValue)
    let mechanism = names[Int(choice & 0x3F) % names.count]
    let request = (try? Element(parsing: authenticate)).map(AuthenticationRequest.init)
    let binding = ChannelBinding(choice & 0x40 == 0 ? [:] : [.tlsExporter: [1, 2, 3], .tlsServerEndPoint: [4, 5, 6]])
    let isText = choice & 0x80 != 0 || mechanism == SASLMechanism.messengerOAuth2.rawValue

    var exchange = SASLExchange(
        offered: mechanisms, binding: binding, host: "example.org", offersFAST: true, nonce: { "nonce" })
    var isStarted = false
    for message in bytes.dropFirst().split(separator: 0xFE, omittingEmptySubsequences: false) {
        let text = isText ? String(decoding: message, as: UTF8.self) : Base64.encode(Array(message))
        var action =
            isStarted
            ? exchange.responded(text)
            : exchange.started(mechanism: mechanism, initialResponse: text, request: request)
        isStarted = true
        while let answer = answer(action, &exchange) { action = answer }
        if case .succeed = action { preconditionFailure("Nobody can sign in here.") }
    }
    _ = exchange.aborted()
    return 0
}

private let authenticate = """
    <authenticate xmlns='urn:xmpp:sasl:2'><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>\
    <fast xmlns='urn:xmpp:fast:0' count='1'/></authenticate>
    """

private func answer(_ action: SASLAction, _ exchange: inout SASLExchange) -> SASLAction? {
    switch action {
    case .findCredential(let user, let hash):
        exchange.credentialFound(.decoy(user: user, hash: hash, secret: [7], iterations: 4096))
    case .verifyProof(let proof):
        proof.isOf(token: "token") ? exchange.verified(account: proof.user) : exchange.refused(.notAuthorized)
    case .verifyPassword, .verifyToken:
        exchange.refused(.notAuthorized)
    case .challenge, .succeed, .fail, .ignore, .askForTask, .sendSalt, .keep:
        nil
    }
}
