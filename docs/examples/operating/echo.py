from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

from onionp2p.operating import Operated, StatusFile, SystemdNotifier

endpoint = serverFromString(reactor, "onionp2p:listen:port=7777:key=echo.key:state=tor")
server = StreamServerEndpointService(endpoint, Factory.forProtocol(Echo))
watchers = [StatusFile(reactor, "status.json", listeners=1), SystemdNotifier(reactor, listeners=1)]

application = Application("echo")
Operated(server, watchers).setServiceParent(application)
