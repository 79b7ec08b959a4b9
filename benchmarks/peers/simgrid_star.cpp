// Transfers over a star of hosts in SimGrid, with plain max-min sharing:
//   simgrid_star FILE --cfg=network/crosstraffic:0 --cfg=network/model:CM02 --log=root.thres:error
// FILE: "hosts transfers", then a line "start_s from to bytes" for each transfer in order of starts.
// Prints {"work": transfers, "wall_s": seconds}; with a second FILE argument, writes the time at which each one ended.
#include <chrono>
#include <fstream>
#include <iostream>
#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

namespace s4u = simgrid::s4u;

struct Transfer {
  double start_s;
  int from, to;
  double bytes;
};

int main(int argc, char** argv) {
  s4u::Engine engine(&argc, argv);
  std::ifstream input(argv[1]);
  int host_count, count;
  input >> host_count >> count;
  std::vector<Transfer> transfers(count);
  for (auto& t : transfers)
    input >> t.start_s >> t.from >> t.to >> t.bytes;

  auto* zone = s4u::create_star_zone("star");
  std::vector<s4u::Host*> hosts;
  for (int i = 0; i < host_count; i++) {
    auto* host = zone->create_host("host" + std::to_string(i), 1e9);
    auto* cable = zone->create_split_duplex_link("cable" + std::to_string(i), 1.25e9)->set_latency(0);
    cable->seal();
    zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {{cable, s4u::LinkInRoute::Direction::UP}}, true);
    hosts.push_back(host);
  }
  zone->seal();

  std::vector<s4u::CommPtr> running;
  s4u::Actor::create("starter", hosts[0], [&] {
    for (const auto& t : transfers) {
      s4u::this_actor::sleep_until(t.start_s);
      running.push_back(s4u::Comm::sendto_async(hosts[t.from], hosts[t.to], static_cast<uint64_t>(t.bytes)));
    }
    for (auto& comm : running)
      comm->wait();
  });
  const auto began = std::chrono::steady_clock::now();
  engine.run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  std::cout << "{\"work\": " << count << ", \"wall_s\": " << wall.count() << "}" << std::endl;
  if (argc > 2) {
    std::ofstream output(argv[2]);
    output.precision(17);
    for (auto& comm : running)
      output << comm->get_finish_time() << "\n";
  }
}
