// Exceptions through several frames, virtual calls, algorithms of the library.
#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct shape {
	virtual ~shape() = default;
	virtual double area(int n) = 0;
};

struct square : shape {
	double area(int n) override
	{
		double a = 0;
		for (int i = 0; i < 500; i++)
			a += i * n;
		if (n % 3 == 0)
			throw std::runtime_error("three " + std::to_string(n));
		return a;
	}
};

__attribute__((noinline)) static double half(shape &s, int n)
{
	std::string keep(n % 50, 'x');
	return s.area(n) / 2 + keep.size();
}

__attribute__((noinline)) static double quarter(shape &s, int n)
{
	std::vector<int> v(n % 40 + 1, n);
	return half(s, n) / 2 + v[0];
}

int main()
{
	square s;
	std::map<std::string, int> seen;
	double sum = 0;
	for (int i = 0; i < 120000; i++) {
		try {
			sum += quarter(s, i);
		} catch (const std::exception &e) {
			seen[e.what()]++;
		}
		if (i % 1000 == 0) {
			std::vector<std::string> v;
			for (auto &p : seen)
				v.push_back(p.first);
			std::sort(v.begin(), v.end(), [](auto &a, auto &b) { return a > b; });
		}
	}
	return sum == 1;
}
