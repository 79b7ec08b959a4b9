// How long a small datagram waits behind bulk TCP flows in the drop-tail queue of one bottleneck, packet by packet, in ns-3.
// Arguments: control (cubic or reno), flows, rate of the bottleneck (bit/s), round trip (s), buffer (bytes), seconds.
// Prints one line of JSON. A full packet has 1538 bytes here as on an Ethernet: what ns-3's point-to-point link leaves out of a
// frame is taken off rates and buffers instead.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"

using namespace ns3;

namespace {
constexpr double kFrame = 1502.0 / 1538.0;  // PPP, IP, TCP with timestamps and 1448 bytes, to the same on Ethernet
constexpr uint32_t kAsk = 156;              // with UDP, IP and PPP as long as 100 bytes over TCP on Ethernet, times kFrame
constexpr double kWarm = 20;
constexpr uint16_t kPort = 4000, kAskPort = 5000;

std::vector<double> waits;
uint64_t sent = 0;
double until = 0, idle = 0;
Ptr<Socket> asking;
Ptr<ExponentialRandomVariable> gap;

void Ask() {
  const double now = Simulator::Now().GetSeconds();
  uint8_t bytes[kAsk] = {0};
  std::copy_n(reinterpret_cast<const uint8_t*>(&now), sizeof now, bytes);
  asking->Send(Create<Packet>(bytes, kAsk));
  if (now > kWarm) ++sent;
  const double next = gap->GetValue();
  if (now + next < until - 1) Simulator::Schedule(Seconds(next), &Ask);
}

void Heard(Ptr<Socket> socket) {
  while (Ptr<Packet> packet = socket->Recv()) {
    uint8_t bytes[kAsk];
    packet->CopyData(bytes, kAsk);
    double then;
    std::copy_n(bytes, sizeof then, reinterpret_cast<uint8_t*>(&then));
    if (then > kWarm) waits.push_back(Simulator::Now().GetSeconds() - then - idle);
  }
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string control = argv[1];
  const uint32_t flows = std::atoi(argv[2]);
  const double rate = std::atof(argv[3]), rtt = std::atof(argv[4]), buffer = std::atof(argv[5]);
  until = kWarm + std::atof(argv[6]);

  Config::SetDefault("ns3::TcpL4Protocol::SocketType",
                     TypeIdValue(TypeId::LookupByName(control == "cubic" ? "ns3::TcpCubic" : "ns3::TcpLinuxReno")));
  Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
  Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
  Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(1 << 24));
  Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(1 << 24));
  Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(MilliSeconds(200)));

  NodeContainer left(flows + 1), middle(2), right(1);
  InternetStackHelper().Install(NodeContainer(NodeContainer(left, middle), right));
  PointToPointHelper fast, slow;
  fast.SetDeviceAttribute("DataRate", DataRateValue(DataRate(uint64_t(10 * rate * kFrame))));
  fast.SetChannelAttribute("Delay", TimeValue(Seconds(rtt / 8)));
  fast.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue("100000p"));
  slow.SetDeviceAttribute("DataRate", DataRateValue(DataRate(uint64_t(rate * kFrame))));
  slow.SetChannelAttribute("Delay", TimeValue(Seconds(rtt / 4)));
  slow.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue(std::to_string(uint64_t(buffer * kFrame)) + "B"));

  Ipv4AddressHelper plan("10.0.0.0", "255.255.255.252");
  TrafficControlHelper discs;
  const auto join = [&](PointToPointHelper& link, Ptr<Node> a, Ptr<Node> b) {
    NetDeviceContainer made = link.Install(a, b);
    Ipv4InterfaceContainer addresses = plan.Assign(made);
    discs.Uninstall(made);  // the queue of the device is the only one
    plan.NewNetwork();
    return addresses.GetAddress(1);
  };
  for (uint32_t i = 0; i <= flows; ++i) join(fast, left.Get(i), middle.Get(0));
  join(slow, middle.Get(0), middle.Get(1));
  const Ipv4Address target = join(fast, middle.Get(1), right.Get(0));
  Ipv4GlobalRoutingHelper::PopulateRoutingTables();

  PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), kPort));
  ApplicationContainer sinks = sink.Install(right.Get(0));
  for (uint32_t i = 0; i < flows; ++i) {
    BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(target, kPort));
    bulk.SetAttribute("MaxBytes", UintegerValue(0));
    bulk.SetAttribute("SendSize", UintegerValue(65160));
    bulk.Install(left.Get(i)).Start(Seconds(0.1 + 0.1 * i));
  }
  Ptr<Socket> hearing = Socket::CreateSocket(right.Get(0), UdpSocketFactory::GetTypeId());
  hearing->Bind(InetSocketAddress(Ipv4Address::GetAny(), kAskPort));
  hearing->SetRecvCallback(MakeCallback(&Heard));
  asking = Socket::CreateSocket(left.Get(flows), UdpSocketFactory::GetTypeId());
  asking->Connect(InetSocketAddress(target, kAskPort));
  gap = CreateObject<ExponentialRandomVariable>();
  gap->SetAttribute("Mean", DoubleValue(0.02));
  const double bits = 8.0 * (kAsk + 30);
  idle = rtt / 2 + bits / (rate * kFrame) * (1 + 0.1 + 0.1);
  Simulator::Schedule(Seconds(1), &Ask);
  uint64_t before = 0;
  Simulator::Schedule(Seconds(kWarm), [&] { before = DynamicCast<PacketSink>(sinks.Get(0))->GetTotalRx(); });
  Simulator::Stop(Seconds(until));
  Simulator::Run();

  std::sort(waits.begin(), waits.end());
  double sum = 0;
  for (double wait : waits) sum += wait;
  const auto at = [&](double q) { return waits[size_t(q * (waits.size() - 1))]; };
  const double bytes = DynamicCast<PacketSink>(sinks.Get(0))->GetTotalRx() - before;
  std::printf(
      "{\"control\": \"%s\", \"flows\": %u, \"rate_bps\": %.0f, \"rtt_s\": %g, \"buffer_bytes\": %.0f, \"seconds\": %g, "
      "\"asked\": %lu, \"heard\": %lu, \"goodput_bps\": %.0f, \"mean_s\": %.6f, \"p50_s\": %.6f, \"p99_s\": %.6f}\n",
      control.c_str(), flows, rate, rtt, buffer, until - kWarm, (unsigned long)sent, (unsigned long)waits.size(),
      bytes * 8 / (until - kWarm), sum / waits.size(), at(0.5), at(0.99));
  Simulator::Destroy();
}
