import Configuration
import FoundationEssentials
import Publishing

extension RepositoryAccess {
  init(_ settings: Settings) {
    self.init()
    let chosen = settings.repositoryAccess
    requestTimeoutMilliseconds = chosen.requestTimeoutMilliseconds
    stallTimeoutMilliseconds = chosen.stallTimeoutMilliseconds
    (rateBytesMin, rateBytesMax) = (chosen.rateBytesMin, chosen.rateBytesMax)
    (tokenFile, certificatesFile) = (chosen.tokenFile, chosen.certificatesFile)
    environment = ProcessInfo.processInfo.environment
  }
}
