public import Hummingbird
public import Logging
import NIOCore
public import XMPPServer

/// What is known of a request beside itself.
public struct WebContext: RequestContext {
    /// Where it comes from.
    public struct Source: RequestContextSource {
        public let logger: Logger
        let site: WebSite
        let client: IPAddress?
    }

    public var coreContext: CoreRequestContextStorage
    /// The site that is asked.
    public let site: WebSite
    /// The address of the client, as far as it is known.
    public let client: IPAddress?

    public init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        site = source.site
        client = source.client
    }

    /// The host that is asked.
    public var host: Host { site.host }
    /// What a form or a JSON document may have in bytes.
    public var maxUploadSize: Int { 64 * 1024 }
}
