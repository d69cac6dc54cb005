import XMPPModules
import XMPPServer

extension XMPPServer.Host {
    /// The files that its people have uploaded; nil: they cannot.
    var uploads: UploadedFiles? { module(HTTPUpload.self)?.files }
}

/// What of uploads comes over HTTP.
extension HTTPUpload: WebModule {
    package func register(on site: inout WebSite.Builder) {
        UploadRoutes(files, origins: settings.origins).register(on: site.router)
        if let address = settings.address { site.addName(address.host) }
    }

    package func opened(_ site: WebSite) { files.opened(at: site.address) }
}
