// The packet star in ns-3: hosts on point-to-point links to one router, constant UDP streams to the neighbour.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

namespace {
constexpr uint16_t kPort = 4000;
constexpr uint32_t kPayload = 1448;
}  // namespace

int main(int argc, char** argv) {
  const uint32_t hosts = argc > 1 ? std::atoi(argv[1]) : 32;
  const double until_s = argc > 2 ? std::atof(argv[2]) : 0.02;

  NodeContainer leaves(hosts), hub(1);
  InternetStackHelper().Install(NodeContainer(leaves, hub));
  PointToPointHelper link;
  link.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
  link.SetChannelAttribute("Delay", StringValue("5us"));

  std::vector<Ipv4Address> address;
  Ipv4AddressHelper plan("10.0.0.0", "255.255.255.252");
  for (uint32_t i = 0; i < hosts; ++i) {
    address.push_back(plan.Assign(link.Install(leaves.Get(i), hub.Get(0))).GetAddress(0));
    plan.NewNetwork();
  }
  Ipv4GlobalRoutingHelper::PopulateRoutingTables();

  ApplicationContainer sinks, sources;
  for (uint32_t i = 0; i < hosts; ++i) {
    const uint32_t neighbour = (i + 1) % hosts;
    sinks.Add(PacketSinkHelper("ns3::UdpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), kPort))
                  .Install(leaves.Get(i)));
    OnOffHelper stream("ns3::UdpSocketFactory", InetSocketAddress(address[neighbour], kPort));
    stream.SetConstantRate(DataRate("1Gbps"), kPayload);
    sources.Add(stream.Install(leaves.Get(i)));
  }
  sources.Start(Seconds(0));
  sources.Stop(Seconds(until_s));
  Simulator::Stop(Seconds(2 * until_s));

  const auto began = std::chrono::steady_clock::now();
  Simulator::Run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  uint64_t received = 0;
  for (uint32_t i = 0; i < hosts; ++i) received += DynamicCast<PacketSink>(sinks.Get(i))->GetTotalRx() / kPayload;
  std::printf("{\"work\": %llu, \"wall_s\": %.6f}\n", static_cast<unsigned long long>(2 * received), wall.count());
  Simulator::Destroy();
}
